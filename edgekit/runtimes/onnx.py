"""ONNX files in ONNX Runtime's CPU provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact, TensorSpec
from edgekit.errors import ArtifactError, one_line
from edgekit.extras import load
from edgekit.formats.exact_names import onnx_is_exact
from edgekit.runtimes import feed
from edgekit.runtimes.runner import Inference, Stored, T


def describe(path: Path) -> Artifact:
    """Read a file's inputs and outputs; see ``edgekit.runtimes.describe``."""
    model = _load(path, data=False)
    graph, exact = model.graph, onnx_is_exact(model)
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    return Artifact(
        path=path,
        format="onnx",
        inputs=_specs(path, inputs, exact=exact),
        outputs=_specs(path, graph.output, exact=exact),
    )


def open_session(
    artifact: Artifact, *, threads: int = 1, profile: Path | None = None
) -> OnnxSession:
    """Load a file; see ``edgekit.runtimes.open_runner``. A ``profile`` is begun at that path."""
    return OnnxSession(artifact, str(artifact.path), threads=threads, profile=profile)


class OnnxSession:
    """A session with all of ONNX Runtime's graph optimizations: that is what ships."""

    def __init__(
        self,
        artifact: Artifact,
        model: str | bytes,
        *,
        threads: int = 1,
        optimize: bool = True,
        outputs: Mapping[str, str] | None = None,
        profile: Path | None = None,
    ) -> None:
        """Load a path or bytes; ``outputs`` map names to the tensors to fetch."""
        self.versions: Mapping[str, str] = {"onnxruntime": load("onnxruntime").__version__}
        self.path = artifact.path
        self.specs = artifact.inputs
        self._session = self._guard(
            "open",
            lambda: _session(model, threads=threads, optimize=optimize, profile=profile),
        )
        self._inputs = _paired(self.path, artifact.inputs, self._session.get_inputs())
        if outputs is None:
            self._outputs = _paired(self.path, artifact.outputs, self._session.get_outputs())
        else:
            self._outputs = dict(outputs)
        self._placed: dict[str, NDArray[Any]] = {}

    def place(self, stored: Stored) -> None:
        """Keep a batch for ``repeat``; see ``Session.place``."""
        self._placed = {self._inputs[name]: array for name, array in stored.items()}

    def repeat(self, loop: Callable[[Inference], T]) -> T:
        """Run inferences; see ``Session.repeat``."""
        infer = partial(self._session.run, None, self._placed)
        found: T = self._guard("run", partial(loop, infer))
        return found

    def profile(self) -> bytes:
        """End the profile, and return it."""
        return Path(self._guard("profile", self._session.end_profiling)).read_bytes()

    def call(self, stored: Stored) -> dict[str, NDArray[np.float32]]:
        """Run one batch; see ``Session.call``."""
        self.place(stored)
        raw = list(self._outputs.values())
        results = self._guard("run", lambda: self._session.run(raw, self._placed))
        return {
            name: np.asarray(array).astype(np.float32)
            for name, array in zip(self._outputs, results, strict=True)
        }

    def _guard(self, verb: str, action: Any) -> Any:
        try:
            return action()
        except Exception as error:  # ONNX Runtime's errors have no base but Exception.
            raise ArtifactError(f"{self.path}: cannot {verb} it: {one_line(error)}") from error


def tensors(
    artifact: Artifact, inputs: Mapping[str, NDArray[Any]], *, only: Sequence[str] | None = None
) -> dict[str, NDArray[np.float32]]:
    """Run with every node's result as an output; see ``edgekit.runtimes.tensors``.

    Graph optimizations are off: the numbers are those that the file says, and a kernel's own
    errors (such as saturation) do not show here.
    """
    import onnx

    model = _load(artifact.path, data=True)
    present = {value.name for value in model.graph.output}
    found = _activations(model.graph)
    wanted = {name: raw for name, raw in found.items() if only is None or name in only}
    try:
        for raw in wanted.values():
            if raw not in present:
                model.graph.output.append(onnx.ValueInfoProto(name=raw))
        content = model.SerializeToString()
    except UnicodeError as error:
        raise ArtifactError(
            f"{artifact.path}: expected names in UTF-8, got others: the file is damaged"
        ) from error
    except ValueError as error:
        raise ArtifactError(f"{artifact.path}: expected a model below 2 GiB: {error}") from error
    session = OnnxSession(artifact, content, optimize=False, outputs=wanted)
    return feed.run_batches(session.specs, inputs, session.call)


def _activations(graph: Any) -> dict[str, str]:
    """Map what nodes compute from an input, in order, to the tensor that holds its real values.

    A quantized tensor's values are those behind its QuantizeLinear and DequantizeLinear: before
    them, it may lack the ReLU that a quantizer has put into the clipping of its integers.
    """
    constants = {tensor.name for tensor in graph.initializer}
    moving = {value.name for value in graph.input} - constants
    outputs = {value.name for value in graph.output}
    behind: dict[str, str] = {}
    found: dict[str, str] = {}
    for node in graph.node:
        if node.op_type == "Shape" or not moving.intersection(node.input):
            continue
        moving.update(node.output)
        source = node.input[0]
        if node.op_type == "QuantizeLinear":
            behind[node.output[0]] = source
        elif node.op_type == "DequantizeLinear" and source in behind:
            real = node.output[0]
            found |= {behind[source]: real} if behind[source] in found else {}
            found |= {real: real} if real in outputs else {}
        elif node.op_type != "DynamicQuantizeLinear":
            found |= {name: name for name in node.output if name}
    return found


def _session(
    model: str | bytes, *, threads: int, optimize: bool, profile: Path | None = None
) -> Any:
    ort = load("onnxruntime")
    options = ort.SessionOptions()
    if profile is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    levels = ort.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimize else levels.ORT_DISABLE_ALL
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _load(path: Path, *, data: bool) -> Any:
    onnx = load("onnx")
    try:
        model = onnx.load(str(path), load_external_data=data)
    except Exception as error:  # protobuf's DecodeError differs between its implementations.
        raise ArtifactError(f"{path}: expected an ONNX model: {one_line(error)}") from error
    if not model.graph.node and not model.graph.output:
        raise ArtifactError(f"{path}: expected an ONNX model, got a file without a graph")
    return model


def _paired(path: Path, specs: Sequence[TensorSpec], nodes: Sequence[Any]) -> dict[str, str]:
    """Map the artifact's names to the file's own, which may be decorated."""
    raw = [node.name for node in nodes]
    # Under its own name first: one that a reader finds decorated may be what the file means.
    plain = {**dict(zip(feed.unique(raw), raw, strict=True)), **{name: name for name in raw}}
    missing = [spec.name for spec in specs if spec.name not in plain]
    if missing:
        raise ArtifactError(f"{path}: expected {missing} among its inputs and outputs, got {raw}")
    return {spec.name: plain[spec.name] for spec in specs}


def _specs(path: Path, values: Sequence[Any], *, exact: bool) -> tuple[TensorSpec, ...]:
    import onnx

    names = feed.unique((value.name for value in values), exact=exact)
    specs = []
    for name, value in zip(names, values, strict=True):
        tensor = value.type.tensor_type
        if not tensor.elem_type:
            raise ArtifactError(f"{path}: expected {name!r} to be a tensor; it is of another type")
        shape = tuple(
            dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None
            for dim in tensor.shape.dim
        )
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)).name
        specs.append(TensorSpec(name=name, shape=shape, dtype=dtype))
    return tuple(specs)
