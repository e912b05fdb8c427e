"""Writes a trace as OpenVINO IR."""

from __future__ import annotations

from typing import Any

from edgekit.errors import ExportError
from edgekit.extras import load
from edgekit.files import scratch
from edgekit.formats import exact_names
from edgekit.trace import Trace


def export(trace: Trace) -> Any:
    """Convert a trace to an ``openvino.Model`` whose inputs and outputs carry the Keras names.

    Raises:
        MissingExtra: the extra ``openvino`` is not installed.
        ExportError: an operator has no OpenVINO form.
    """
    ends = list(trace.input_tensors), list(trace.output_tensors)
    return _named(_convert("graph.pb", trace.graph, *ends), trace)


def from_onnx(onnx_model: Any) -> Any:
    """Convert an ``onnx.ModelProto``; names are kept.

    Raises:
        MissingExtra: the extra ``openvino`` is not installed.
        ExportError: an operator has no OpenVINO form.
    """
    model = _convert("model.onnx", onnx_model.SerializeToString())
    if exact_names.onnx_is_exact(onnx_model):
        exact_names.mark_openvino(model)
    return model


def _convert(
    name: str, content: bytes, inputs: list[str] | None = None, outputs: list[str] | None = None
) -> Any:
    """Convert a file's content; its name says what it is."""
    ov = load("openvino")
    with scratch() as folder:
        path = folder / name
        path.write_bytes(content)
        try:
            return ov.convert_model(str(path), input=inputs, output=outputs)
        except Exception as error:
            raise ExportError(
                f"no OpenVINO IR can be made: {_reason(error)}; replace the layers that need it, "
                "or choose a target of another format"
            ) from error


def _reason(error: Exception) -> str:
    """Return the line that names the operators; the first ones only name source files."""
    lines = [line.strip(" -") for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "No conversion rule" in line]
    return (telling or lines or [type(error).__name__])[0][:400]


def _named(model: Any, trace: Trace) -> Any:
    model = _in_order(model, trace)
    _keep_ends_apart(model)
    for name, spec in zip(trace.input_tensors, trace.inputs, strict=True):
        port = model.input(name)
        port.tensor.set_names({spec.name})
        port.node.friendly_name = spec.name
    for port, spec in zip(model.outputs, trace.outputs, strict=True):
        port.tensor.set_names({spec.name})
        port.node.friendly_name = f"{spec.name}/result"
    if exact_names.look_decorated(spec.name for spec in (*trace.inputs, *trace.outputs)):
        exact_names.mark_openvino(model)
    return model


def _in_order(model: Any, trace: Trace) -> Any:
    """Return a model whose results have the trace's order: the frontend sorts them by name."""
    from openvino import Model

    results = {str(result.get_friendly_name()): result for result in model.get_results()}
    if set(results) != set(trace.output_tensors) or tuple(results) == trace.output_tensors:
        return model
    ordered = [results[name] for name in trace.output_tensors]
    return Model(ordered, model.get_sinks(), model.get_parameters(), model.get_friendly_name())


def _keep_ends_apart(model: Any) -> None:
    """Put an operator between an input and the output that it is: they have names of their own."""
    from openvino import opset13 as ops

    for result in model.get_results():
        source = result.input_value(0)
        if source.get_node().get_type_name() == "Parameter":
            same = ops.squeeze(ops.unsqueeze(source, 0), 0)
            result.input(0).replace_source_output(same.output(0))
    model.validate_nodes_and_infer_types()  # results take their names from what feeds them
