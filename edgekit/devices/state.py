"""Whether a file remembers one inference in the next, and who can make it forget."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from edgekit.artifact import Artifact
from edgekit.errors import ArtifactError, MissingExtra
from edgekit.extras import load

State = Literal["none", "variables", "resources"]

_MALFORMED = (struct.error, ValueError, TypeError, IndexError, AttributeError, OverflowError)
_READS = (b'type="ReadValue"', b"type='ReadValue'")


def state_of(artifact: Artifact) -> State:
    """Return what a file keeps from one inference to the next.

    ``variables`` are tensors of a TFLite file that are marked so, in any of its graphs: runtimes
    reset them. ``resources`` last as long as the process: what a TFLite file holds by a handle, and
    the variables of an OpenVINO file. An ONNX file keeps nothing. Where ai-edge-litert, which has
    the schema, is not installed a TFLite file is taken to keep nothing.

    Raises:
        ArtifactError: the file is damaged.
    """
    if artifact.format == "openvino":
        content = artifact.path.read_bytes()
        return "resources" if any(mark in content for mark in _READS) else "none"
    if artifact.format != "tflite":
        return "none"
    try:
        return _of_tflite(artifact.path)
    except MissingExtra:
        return "none"
    except _MALFORMED as error:
        raise ArtifactError(
            f"{artifact.path}: a TFLite file that is cut short or damaged ({error}); export it"
            " again"
        ) from error


def _of_tflite(path: Path) -> State:
    schema = load("ai_edge_litert.schema_py_generated")
    handle, found = schema.TensorType.RESOURCE, "none"
    for tensor in _tensors(schema.Model.GetRootAs(path.read_bytes(), 0)):
        if tensor.Type() == handle:
            return "resources"
        if tensor.IsVariable():
            found = "variables"
    return "variables" if found == "variables" else "none"


def _tensors(model: Any) -> Iterator[Any]:
    for number in range(model.SubgraphsLength()):
        graph = model.Subgraphs(number)
        yield from (graph.Tensors(index) for index in range(graph.TensorsLength()))
