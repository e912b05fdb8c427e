"""OpenVINO IR in OpenVINO's CPU plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact, TensorSpec
from edgekit.errors import ArtifactError
from edgekit.extras import load
from edgekit.formats.exact_names import openvino_is_exact
from edgekit.runtimes import feed
from edgekit.runtimes.runner import Inference, Stored, T

# Without the precision hint, the plugin computes float models in bfloat16 on CPUs that have it
# (seen with AMX), and one file would score differently from host to host.
_PRECISION = "f32"


def describe(path: Path) -> Artifact:
    """Read a file's inputs and outputs; see ``edgekit.runtimes.describe``."""
    model = _read(load("openvino").Core(), path)
    try:
        inputs, outputs = _ports(model)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ArtifactError(
            f"{path}: expected inputs and outputs of known rank and type: {_line(error)}"
        ) from error
    return Artifact(path=path, format="openvino", inputs=inputs, outputs=outputs)


def open_session(
    artifact: Artifact, *, threads: int = 1, counters: bool = False
) -> OpenvinoSession:
    """Load a file; see ``edgekit.runtimes.open_runner``. ``counters`` makes each layer timed."""
    core = load("openvino").Core()
    model = _read(core, artifact.path)
    return OpenvinoSession(artifact.path, core, model, threads=threads, counters=counters)


class OpenvinoSession:
    """A model compiled for this CPU, float parts in float32."""

    def __init__(
        self, path: Path, core: Any, model: Any, *, threads: int = 1, counters: bool = False
    ) -> None:
        """Compile; ``threads`` is what one inference may use."""
        self.versions: Mapping[str, str] = {
            "openvino": load("openvino").__version__.partition("-")[0]
        }
        self.path = path
        self.specs, outputs = _ports(model)
        self.names = [spec.name for spec in outputs]
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": _PRECISION,
            "PERF_COUNT": counters,
        }
        self._request = self._guard(
            "compile", lambda: core.compile_model(model, "CPU", settings).create_infer_request()
        )
        self._placed: list[NDArray[Any]] = []

    def place(self, stored: Stored) -> None:
        """Set inputs; see ``Session.place``."""
        # The request keeps no reference to the arrays: they must stay alive here.
        self._placed = [np.ascontiguousarray(stored[spec.name]) for spec in self.specs]
        self._guard("set the inputs of", self._set_inputs)

    def _set_inputs(self) -> None:
        from openvino import Tensor

        for index, array in enumerate(self._placed):
            self._request.set_input_tensor(index, Tensor(array, True))

    def repeat(self, loop: Callable[[Inference], T]) -> T:
        """Run inferences; see ``Session.repeat``."""
        infer = partial(self._request.infer, share_outputs=True)
        found: T = self._guard("run", partial(loop, infer))
        return found

    def counters(self) -> Sequence[Any]:
        """Return what each layer took in the last inference, as the plugin tells it."""
        found: Sequence[Any] = self._guard("profile", self._request.get_profiling_info)
        return found

    def call(self, stored: Stored) -> dict[str, NDArray[np.float32]]:
        """Run one batch; see ``Session.call``."""
        fed = {index: stored[spec.name] for index, spec in enumerate(self.specs)}
        self._guard("reset", self._request.reset_state)
        self._guard("run", lambda: self._request.infer(fed))
        return {name: self._output(index) for index, name in enumerate(self.names)}

    def _output(self, index: int) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self._guard(
            "read the outputs of",
            lambda: np.array(self._request.get_output_tensor(index).data, np.float32),
        )
        return found

    def _guard(self, verb: str, action: Any) -> Any:
        try:
            return action()
        except (RuntimeError, ValueError, TypeError, MemoryError) as error:
            raise ArtifactError(f"{self.path}: cannot {verb} it: {_line(error)}") from error


def tensors(
    artifact: Artifact, inputs: Mapping[str, NDArray[Any]], *, only: Sequence[str] | None = None
) -> dict[str, NDArray[np.float32]]:
    """Run with every operator's result as an output; see ``edgekit.runtimes.tensors``."""
    core = load("openvino").Core()
    model = _read(core, artifact.path)
    try:
        found = _activations(model)
    except UnicodeError as error:
        raise ArtifactError(
            f"{artifact.path}: expected names in UTF-8, got others: the file is damaged"
        ) from error
    wanted = [(name, port) for name, port in found if only is None or name in only]
    model.add_outputs([port for _, port in wanted])
    # What was an output before is not added again: find each by where it comes from.
    places = {
        _origin(result.input(0).get_source_output()): f"output {index}"
        for index, result in enumerate(model.get_results())
    }
    session = OpenvinoSession(artifact.path, core, model)
    session.names = [f"output {index}" for index in range(len(model.outputs))]
    results = feed.run_batches(session.specs, inputs, session.call)
    return {name: results[places[_origin(port)]] for name, port in wanted}


def _origin(port: Any) -> tuple[str, int]:
    return port.get_node().get_name(), port.get_index()


def _activations(model: Any) -> list[tuple[str, Any]]:
    """Return (name, port) of every number that depends on an input, in execution order."""
    moving: set[str] = set()
    found = []
    for operator in model.get_ordered_ops():
        kind = operator.get_type_name()
        sources = [port.get_source_output().get_node().get_name() for port in operator.inputs()]
        if kind in ("Parameter", "ReadValue") or moving.intersection(sources):
            moving.add(operator.get_name())
        else:
            continue
        # Operators that cut off shapes or state are not activations.
        if kind in ("Parameter", "Result", "ShapeOf", "Assign", "ReadValue"):
            continue
        ports = operator.outputs()
        for index, port in enumerate(ports):
            tail = f".{index}" if len(ports) > 1 else ""
            if port.get_element_type().is_real() and port.get_partial_shape().rank.is_static:
                found.append((operator.get_friendly_name() + tail, port))
    return found


def _read(core: Any, path: Path) -> Any:
    # Other frontends would try their luck on what is no IR: look before it is handed over.
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read: {error.strerror}") from error
    if b"<net" not in head:
        raise ArtifactError(f"{path}: expected OpenVINO IR (<net ...> XML); export the model again")
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise ArtifactError(f"{path}: expected its weights beside it in {weights.name}; not there")
    try:
        return core.read_model(str(path), str(weights))
    except (RuntimeError, ValueError, MemoryError) as error:
        raise ArtifactError(
            f"{path}: expected OpenVINO IR with its weights: {_line(error)}"
        ) from error


def _line(error: BaseException) -> str:
    """Return the last telling line of OpenVINO's many; the first only names source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check "))]
    return (telling or lines or [type(error).__name__])[-1][:300]


def _ports(model: Any) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    exact = openvino_is_exact(model)
    return _specs(model.inputs, exact=exact), _specs(model.outputs, exact=exact)


def _specs(ports: Sequence[Any], *, exact: bool) -> tuple[TensorSpec, ...]:
    names = feed.unique((_name(port) for port in ports), exact=exact)
    return tuple(
        TensorSpec(
            name=name,
            shape=tuple(
                size.get_length() if size.is_static else None for size in port.get_partial_shape()
            ),
            dtype=np.dtype(port.get_element_type().to_dtype()).name,
        )
        for name, port in zip(names, ports, strict=True)
    )


def _name(port: Any) -> str:
    """Return the least decorated of a port's names, or its node's."""
    named = sorted(port.get_names(), key=lambda name: (":" in name, "/" in name, len(name), name))
    return str(named[0] if named else port.get_node().get_friendly_name())
