"""The runtimes that a board may have, behind one way to run a file.

Only here anything beyond the standard library is imported, and only when it is used.
"""

from __future__ import annotations

import abc
import importlib
import importlib.metadata
import importlib.util
import os
import sys
from typing import Any, Callable

# Format -> its runtimes, the one to be preferred first; by the names of their distributions.
RUNTIMES = {
    "tflite": ("ai-edge-litert", "tflite-runtime"),
    "onnx": ("onnxruntime",),
    "openvino": ("openvino",),
}


class Refused(Exception):
    """Why nothing was measured.

    ``kind`` is ``runtime`` (none is there), ``file`` (it cannot be run) or ``job``.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def installed() -> dict[str, str]:
    """Return every runtime that is there, and its version, without importing it."""
    names = [name for several in RUNTIMES.values() for name in several]
    return {name: version_of(name) for name in names if importlib.util.find_spec(module_of(name))}


def module_of(distribution: str) -> str:
    """Return the name under which a distribution is imported."""
    return distribution.replace("-", "_")


def version_of(distribution: str) -> str:
    """Return its version; nothing if it was not installed as a distribution."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def engine_for(kind: str, *, only: str = "") -> Engine:
    """Import the first runtime of a format that can be imported.

    Args:
        kind: ``tflite``, ``onnx`` or ``openvino``.
        only: The one distribution that may be used; any if empty.

    Raises:
        Refused: there is none; the text says what to install, or why an import fails.
    """
    wanted = [name for name in RUNTIMES[kind] if only in ("", name)]
    if not wanted:
        raise Refused("job", f"{only} does not run {kind} files; {', '.join(RUNTIMES[kind])} do")
    there = installed()
    broken = []
    for name in (name for name in wanted if name in there):
        try:
            return ENGINES[name]()
        except (ImportError, OSError) as error:
            broken.append(f"{name} cannot be imported: {one_line(error)}")
    pip = f"{sys.executable} -m pip install {wanted[0]}"
    text = "; ".join(broken) or f"no {' or '.join(wanted)} for {sys.executable}"
    raise Refused("runtime", f"{text}; on the board: {pip}")


def batches_of(data: bytes, inputs: list[dict[str, Any]], batches: int) -> list[list[Any]]:
    """Cut the inputs of each batch out of raw bytes.

    Raises:
        Refused: there are more or less of them than the inputs take.
    """
    import numpy as np

    arrays, place = [], 0
    for _ in range(batches):
        batch = []
        for told in inputs:
            dtype = np.dtype(told["dtype"])
            count = int(np.prod(told["shape"], dtype=np.int64))
            if place + count * dtype.itemsize > len(data):
                raise Refused("job", f"{len(data)} bytes of inputs are too few")
            array = np.frombuffer(data, dtype, count, place).reshape(told["shape"])
            batch.append(array)
            place += array.nbytes
        arrays.append(batch)
    if place != len(data):
        raise Refused("job", f"expected {place} bytes of inputs, got {len(data)}")
    return arrays


def one_line(error: BaseException) -> str:
    """Return the last telling line of an error's text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check "))]
    return (telling or lines or [type(error).__name__])[-1][:300]


class Engine(abc.ABC):
    """A runtime; every failure of it is a Refused of the kind ``file``."""

    distribution = ""
    settings = ""

    def __init__(self) -> None:
        self.version = version_of(self.distribution) or "unknown"

    def load(self, path: str, threads: int) -> None:
        """Open a file, ready for ``place``."""
        self.guard("open", lambda: self._load(path, threads))

    def place(self, batch: list[Any]) -> None:
        """Put one batch where ``infer`` finds it."""
        self.guard("set the inputs of", lambda: self._place(batch))

    def outputs(self, batch: list[Any]) -> list[Any]:
        """Run one batch, state anew, and return copies of what the outputs store."""
        found: list[Any] = self.guard("run", lambda: self._outputs(batch))
        return found

    def guard(self, verb: str, action: Callable[[], Any]) -> Any:
        """Do something in the runtime; their errors have no common base but Exception."""
        try:
            return action()
        except Exception as error:
            text = f"{self.distribution} {self.version} cannot {verb} it: {one_line(error)}"
            raise Refused("file", text) from error

    @abc.abstractmethod
    def infer(self) -> None:
        """Run one inference on what is placed; nothing is guarded: this is what is timed."""

    @abc.abstractmethod
    def _load(self, path: str, threads: int) -> None: ...

    @abc.abstractmethod
    def _place(self, batch: list[Any]) -> None: ...

    @abc.abstractmethod
    def _outputs(self, batch: list[Any]) -> list[Any]: ...


class Litert(Engine):
    """The TFLite interpreter, with its default delegates."""

    distribution = "ai-edge-litert"

    def __init__(self) -> None:
        super().__init__()
        self.module = importlib.import_module(module_of(self.distribution) + ".interpreter")

    def _load(self, path: str, threads: int) -> None:
        self.interpreter = self.module.Interpreter(model_path=path, num_threads=threads)
        self.interpreter.allocate_tensors()

    def _place(self, batch: list[Any]) -> None:
        details = self.interpreter.get_input_details()
        resized = False
        for detail, array in zip(details, batch):
            if tuple(detail["shape"]) != array.shape:
                self.interpreter.resize_tensor_input(detail["index"], array.shape)
                resized = True
        if resized:
            self.interpreter.allocate_tensors()
        for detail, array in zip(details, batch):
            self.interpreter.set_tensor(detail["index"], array)

    def infer(self) -> None:
        """Run one inference; see ``Engine``."""
        self.interpreter.invoke()

    def _outputs(self, batch: list[Any]) -> list[Any]:
        self._place(batch)
        self.interpreter.reset_all_variables()
        self.interpreter.invoke()
        details = self.interpreter.get_output_details()
        return [self.interpreter.get_tensor(detail["index"]) for detail in details]


class Tflite(Litert):
    """The same under its earlier name, which is all that 32-bit boards have."""

    distribution = "tflite-runtime"


class Onnx(Engine):
    """ONNX Runtime's CPU provider, with all of its graph optimizations."""

    distribution = "onnxruntime"

    def __init__(self) -> None:
        super().__init__()
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # it would report from the board to its makers
        self.module = importlib.import_module("onnxruntime")

    def _load(self, path: str, threads: int) -> None:
        options = self.module.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self.session = self.module.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self.names = [node.name for node in self.session.get_inputs()]

    def _place(self, batch: list[Any]) -> None:
        self.placed = dict(zip(self.names, batch))

    def infer(self) -> None:
        """Run one inference; see ``Engine``."""
        self.session.run(None, self.placed)

    def _outputs(self, batch: list[Any]) -> list[Any]:
        self._place(batch)
        found: list[Any] = self.session.run(None, self.placed)
        return found


class Openvino(Engine):
    """OpenVINO's CPU plugin; float parts in float32, which on Arm is not its default."""

    distribution = "openvino"
    settings = "INFERENCE_PRECISION_HINT=f32"

    def __init__(self) -> None:
        super().__init__()
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        self.module = importlib.import_module("openvino")

    def _load(self, path: str, threads: int) -> None:
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        core = self.module.Core()
        self.request = core.compile_model(path, "CPU", settings).create_infer_request()

    def _place(self, batch: list[Any]) -> None:
        import numpy as np

        # The request keeps no reference to the arrays: they must stay alive here.
        self.placed = [np.array(array) for array in batch]
        for index, array in enumerate(self.placed):
            self.request.set_input_tensor(index, self.module.Tensor(array, True))

    def infer(self) -> None:
        """Run one inference; see ``Engine``."""
        self.request.infer(share_outputs=True)

    def _outputs(self, batch: list[Any]) -> list[Any]:
        import numpy as np

        self._place(batch)
        self.request.reset_state()
        self.request.infer()
        count = len(self.request.model_outputs)
        return [np.array(self.request.get_output_tensor(index).data) for index in range(count)]


ENGINES = {engine.distribution: engine for engine in (Litert, Tflite, Onnx, Openvino)}
