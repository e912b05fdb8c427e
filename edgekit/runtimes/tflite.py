"""TensorFlow Lite files in ai-edge-litert, or in tflite-runtime where only that is installed."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact, TensorSpec
from edgekit.errors import ArtifactError, one_line
from edgekit.extras import distribution_of, load, runtime_of
from edgekit.runtimes import feed
from edgekit.runtimes.runner import Inference, Stored, T

_IDENTIFIER = b"TFL3"


def describe(path: Path) -> Artifact:
    """Read a file's inputs and outputs; see ``edgekit.runtimes.describe``."""
    inputs, outputs = _ports(_open(path, threads=1), path)
    return Artifact(
        path=path,
        format="tflite",
        inputs=tuple(_spec(name, detail) for name, detail in inputs),
        outputs=tuple(_spec(name, detail) for name, detail in outputs),
    )


def open_session(artifact: Artifact, *, threads: int = 1) -> TfliteSession:
    """Load a file; see ``edgekit.runtimes.open_runner``."""
    return TfliteSession(artifact, threads=threads)


class TfliteSession:
    """A file in the TFLite interpreter, with the runtime's default delegates."""

    def __init__(self, artifact: Artifact, *, threads: int = 1, reference: bool = False) -> None:
        """Load and allocate; ``reference`` keeps every tensor readable and uses no delegate."""
        self.versions: Mapping[str, str] = {_runtime()[1]: _version()}
        self.path = artifact.path
        self.interpreter = _open(artifact.path, threads=threads, reference=reference)
        inputs, outputs = _ports(self.interpreter, artifact.path)
        self.specs = tuple(_spec(name, detail) for name, detail in inputs)
        self._inputs = {name: int(detail["index"]) for name, detail in inputs}
        self._outputs = dict(outputs)
        self._shapes = {name: tuple(detail["shape"]) for name, detail in inputs}
        self._guard("allocate", self.interpreter.allocate_tensors)

    def repeat(self, loop: Callable[[Inference], T]) -> T:
        """Run inferences; see ``Session.repeat``."""
        return self._guard("run", partial(loop, self.interpreter.invoke))

    def once(self, stored: Stored) -> None:
        """Set inputs, forget recurrent state, and run one inference."""
        self.place(stored)
        self._guard("reset", self.interpreter.reset_all_variables)
        self._guard("run", self.interpreter.invoke)

    def call(self, stored: Stored) -> dict[str, NDArray[np.float32]]:
        """Run one batch; see ``Session.call``."""
        self.once(stored)
        return {
            name: real_values(self.interpreter.get_tensor(detail["index"]), detail)
            for name, detail in self._outputs.items()
        }

    def place(self, stored: Stored) -> None:
        """Set inputs; see ``Session.place``."""
        shapes = {name: array.shape for name, array in stored.items()}
        if changed := [name for name in shapes if shapes[name] != self._shapes[name]]:
            for name in changed:
                resize = self.interpreter.resize_tensor_input
                self._guard("resize", partial(resize, self._inputs[name], shapes[name]))
            self._guard("resize", self.interpreter.allocate_tensors)
            self._shapes = shapes
        for name, array in stored.items():
            self._guard(
                "set an input of", partial(self.interpreter.set_tensor, self._inputs[name], array)
            )

    def _guard(self, verb: str, action: Callable[[], T]) -> T:
        try:
            return action()
        except (ValueError, RuntimeError, MemoryError) as error:
            raise ArtifactError(f"{self.path}: cannot {verb} it: {one_line(error)}") from error


def tensors(
    artifact: Artifact, inputs: Mapping[str, NDArray[Any]], *, only: Sequence[str] | None = None
) -> dict[str, NDArray[np.float32]]:
    """Run with every tensor kept and no delegate; see ``edgekit.runtimes.tensors``."""
    session = TfliteSession(artifact, reference=True)

    def call(stored: Stored) -> dict[str, NDArray[np.float32]]:
        session.once(stored)
        return {
            detail["name"]: real_values(session.interpreter.get_tensor(detail["index"]), detail)
            for detail in wanted
        }

    with _readable(artifact.path):
        found = _activations(session.interpreter)
    wanted = [detail for detail in found if only is None or detail["name"] in only]
    return feed.run_batches(session.specs, inputs, call)


def _activations(interpreter: Any) -> list[dict[str, Any]]:
    """Return the details of what operators compute, in execution order; constants are left out."""
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    found: dict[str, dict[str, Any]] = {}
    for operator in interpreter._get_ops_details():
        for index in operator["outputs"]:
            detail = details.get(int(index))
            if detail and detail["name"] and np.dtype(detail["dtype"]).kind in "fiu":
                found.setdefault(detail["name"], detail)
    return list(found.values())


def real_values(stored: NDArray[Any], detail: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return a tensor's real values, whether it has one scale or one for each channel."""
    parameters = detail["quantization_parameters"]
    scales, zeros = parameters["scales"], parameters["zero_points"]
    if len(scales) == 0 or stored.dtype.kind not in "iu":
        return stored.astype(np.float32)
    if len(scales) == 1:
        return feed.dequantize(stored, scales[0], int(zeros[0]))
    shape = [1] * stored.ndim
    shape[parameters["quantized_dimension"]] = -1
    return feed.dequantize(stored, scales.reshape(shape), np.asarray(zeros).reshape(shape))


def _open(path: Path, *, threads: int, reference: bool = False) -> Any:
    _check(path)
    module = _runtime()[0]
    # By path, not by content: the runtime maps the file, as it does on a device.
    options: dict[str, Any] = {"model_path": str(path), "num_threads": threads}
    if reference:
        plain = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        options |= {
            "experimental_preserve_all_tensors": True,
            "experimental_op_resolver_type": plain,
        }
    try:
        return module.Interpreter(**options)
    except (ValueError, RuntimeError, MemoryError) as error:
        raise ArtifactError(
            f"{path}: expected a TFLite model that the interpreter can load: {one_line(error)}"
        ) from error


def _check(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read: {error.strerror}") from error
    if head[4:] != _IDENTIFIER:
        raise ArtifactError(
            f"{path}: expected a TFLite flatbuffer (identifier TFL3 at byte 4),"
            f" got {head[4:]!r}; export the model again"
        )


def _runtime() -> tuple[Any, str]:
    package = runtime_of("tflite")
    return load(f"{package}.interpreter"), distribution_of(package)


def _version() -> str:
    module, package = _runtime()
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # a nightly goes by another name
        home = importlib.import_module(module.__name__.partition(".")[0])
        return str(getattr(home, "__version__", "unknown"))


def _ports(interpreter: Any, path: Path) -> tuple[list[Any], list[Any]]:
    """Return (name, detail) of inputs and outputs, named by the signature of the main graph."""
    with _readable(path):
        return _named_ports(interpreter)


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say that a file is damaged where the interpreter cannot tell what is in it."""
    try:
        yield
    except (ValueError, RuntimeError) as error:  # names that are no UTF-8 are a ValueError
        raise ArtifactError(
            f"{path}: expected names and signatures that fit its graph: {one_line(error)}"
        ) from error


def _named_ports(interpreter: Any) -> tuple[list[Any], list[Any]]:
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    for key in interpreter.get_signature_list():
        signature = interpreter.get_signature_runner(key)
        if signature._subgraph_index != 0:
            continue
        named_in, named_out = signature.get_input_details(), signature.get_output_details()
        if _indices(named_in) == {int(d["index"]) for d in inputs} and _indices(named_out) == {
            int(d["index"]) for d in outputs
        }:
            return _by_signature(inputs, named_in), _by_signature(outputs, named_out)
    return _by_tensor(inputs), _by_tensor(outputs)


def _indices(named: Mapping[str, Any]) -> set[int]:
    return {int(detail["index"]) for detail in named.values()}


def _by_signature(details: Sequence[Any], named: Mapping[str, Any]) -> list[Any]:
    order = {int(detail["index"]): detail for detail in details}
    places = list(order)
    pairs = [(name, order[int(detail["index"])]) for name, detail in named.items()]
    return sorted(pairs, key=lambda pair: places.index(int(pair[1]["index"])))


def _by_tensor(details: Sequence[Any]) -> list[Any]:
    names = feed.unique(detail["name"] for detail in details)
    return list(zip(names, details, strict=True))


def _spec(name: str, detail: Mapping[str, Any]) -> TensorSpec:
    shape = detail.get("shape_signature", detail["shape"])
    scale, zero_point = detail["quantization"]
    quantized = bool(scale)
    return TensorSpec(
        name=name,
        shape=tuple(None if size < 0 else int(size) for size in shape),
        dtype=np.dtype(detail["dtype"]).name,
        scale=float(scale) if quantized else None,
        zero_point=int(zero_point) if quantized else None,
    )
