"""SavedModel folders of Keras 2: read as data, rebuilt in Keras 3. Their graph is never run.

TensorFlow calls a SavedModel a program. Only two things are read here: the layers'
configurations, which are JSON inside the protocol buffers, and the checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.errors import SourceError
from edgekit.source import containers, graph, h5, memory, trust, weights
from edgekit.source.precision import in_float32
from edgekit.source.scope import Scope
from edgekit.source.stand_in import stand_in

_EXPORTED = (
    "the SavedModel holds a graph but no Keras model (as model.export writes it, or any TensorFlow "
    "program): give the .keras or .h5 file that it was made from"
)
_SUBCLASSED = (
    "the SavedModel holds a subclassed model without a configuration, which cannot be rebuilt; "
    "load it where its class is defined and save it as .keras"
)
_VALUE = "VARIABLE_VALUE"


def load_savedmodel(folder: Path, scope: Scope) -> Any:
    """Rebuild a Keras 2 SavedModel in Keras 3, with its weights.

    Raises:
        SourceError: damaged, not made by Keras 2, or not to be rebuilt; the text says what to do.
        UnsafeSource: its configuration holds code.
    """
    nodes = _object_graph(folder)
    metadata = _metadata(folder, nodes)
    if 0 not in metadata:
        raise SourceError(_EXPORTED)
    config = _model_config(metadata[0])
    config, scope = stand_in(in_float32(config, scope), scope)
    trust.check(config, scope.custom, allow_code=scope.allow_code)
    arrays = _Checkpoint(folder, nodes)
    stored = {
        name: arrays.of_layer(nodes, node, name) for name, node in _layers(nodes, metadata).items()
    }
    held = sum(item.array.nbytes for own in stored.values() for item in own)
    kind = str(config["config"].get("name"))
    scope.mend(
        "SavedModel, which Keras 3 refuses", kind, "rebuilt in Keras 3 from its configuration"
    )
    with memory.weights_within(held):
        model = graph.build(config, scope)
    weights.assign(model, stored, scope.names)
    return model


def _object_graph(folder: Path) -> Any:
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    message = saved_model_pb2.SavedModel()
    try:
        message.ParseFromString((folder / "saved_model.pb").read_bytes())
    except (DecodeError, OSError) as error:
        raise SourceError(f"saved_model.pb is damaged: {containers.one_line(error)}") from error
    if not message.meta_graphs or not message.meta_graphs[0].object_graph_def.nodes:
        raise SourceError(_EXPORTED)
    return message.meta_graphs[0].object_graph_def.nodes


def _metadata(folder: Path, nodes: Any) -> dict[int, dict[str, Any]]:
    """Return what Keras noted for each object: in the graph itself, or beside it since 2.5."""
    texts = {
        place: (node.user_object.identifier, node.user_object.metadata)
        for place, node in enumerate(nodes)
        if node.WhichOneof("kind") == "user_object" and node.user_object.metadata
    }
    beside = folder / "keras_metadata.pb"
    if beside.is_file():
        texts.update(_read_metadata_file(beside))
    found = {}
    for place, (identifier, text) in texts.items():
        if identifier.startswith("_tf_keras_") and "metric" not in identifier:
            try:
                found[place] = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise SourceError(f"keras metadata is damaged: {error}") from error
    return found


def _read_metadata_file(path: Path) -> dict[int, tuple[str, str]]:
    from google.protobuf.message import DecodeError

    message = _metadata_message()
    try:
        message.ParseFromString(path.read_bytes())
    except (DecodeError, OSError) as error:
        raise SourceError(f"keras_metadata.pb is damaged: {containers.one_line(error)}") from error
    return {node.node_id: (node.identifier, node.metadata) for node in message.nodes}


def _metadata_message() -> Any:
    """Return an empty ``SavedMetadata``, declared here so that no Keras 2 need be installed.

    The numbers are those of ``keras/protobuf/saved_metadata.proto``.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name="edgekit/saved_metadata.proto", package="edgekit"
    )
    item = file.message_type.add(name="SavedObject")
    whole = file.message_type.add(name="SavedMetadata")
    field = descriptor_pb2.FieldDescriptorProto
    for name, number, kind in (
        ("node_id", 2, field.TYPE_INT32),
        ("node_path", 3, field.TYPE_STRING),
        ("identifier", 4, field.TYPE_STRING),
        ("metadata", 5, field.TYPE_STRING),
    ):
        item.field.add(name=name, number=number, type=kind, label=field.LABEL_OPTIONAL)
    whole.field.add(
        name="nodes", number=1, type=field.TYPE_MESSAGE, label=field.LABEL_REPEATED,
        type_name=".edgekit.SavedObject",
    )  # fmt: skip
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    described = pool.FindMessageTypeByName("edgekit.SavedMetadata")
    return message_factory.GetMessageClass(described)()


def _model_config(root: Mapping[str, Any]) -> dict[str, Any]:
    config = root.get("config")
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        raise SourceError(_SUBCLASSED)
    return {"class_name": str(root.get("class_name")), "config": h5.plain(config)}


def _children(nodes: Any, place: int) -> dict[str, int]:
    return {child.local_name: child.node_id for child in nodes[place].children}


def _layers(nodes: Any, metadata: Mapping[int, Mapping[str, Any]]) -> dict[str, int]:
    """Return the root's layers by name, with their places in the object graph."""
    children = _children(nodes, 0)
    numbered = [n for k, n in children.items() if k.startswith(("layer-", "layer_with_weights-"))]
    return {str(metadata[n].get("name")): n for n in dict.fromkeys(numbered) if n in metadata}


class _Checkpoint:
    """The variables' values, found by walking object graph and checkpoint side by side."""

    def __init__(self, folder: Path, nodes: Any) -> None:
        import tensorflow as tf

        prefix = folder / "variables" / "variables"
        if not prefix.with_suffix(".index").is_file():
            raise SourceError(
                "the SavedModel folder has no variables/variables.index: copy it whole"
            )
        try:
            self._reader = tf.train.load_checkpoint(str(prefix))
            self._keys = self._walk(nodes)
        except Exception as error:
            raise SourceError(
                f"the SavedModel's variables are damaged: {containers.one_line(error)}"
            ) from error

    def _walk(self, nodes: Any) -> dict[int, str]:
        from tensorflow.core.protobuf import trackable_object_graph_pb2

        saved = trackable_object_graph_pb2.TrackableObjectGraph()
        saved.ParseFromString(self._reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
        keys: dict[int, str] = {}
        stack, seen = [(0, 0)], set()
        while stack:
            place, other = stack.pop()
            if place in seen:
                continue
            seen.add(place)
            keys.update(
                (place, a.checkpoint_key) for a in saved.nodes[other].attributes if a.name == _VALUE
            )
            beside = {c.local_name: c.node_id for c in saved.nodes[other].children}
            stack.extend((n, beside[k]) for k, n in _children(nodes, place).items() if k in beside)
        return keys

    def of_layer(self, nodes: Any, place: int, name: str) -> list[weights.Stored]:
        """Return a layer's arrays: trainable ones first, as Keras orders them."""
        children = _children(nodes, place)
        if "keras_api" in children and "variables" not in children:
            children |= _children(nodes, children["keras_api"])
        if "variables" in children:
            listed = _children(nodes, children["variables"])
            places = [listed[k] for k in sorted((k for k in listed if k.isdigit()), key=int)]
        else:  # a layer that was never called by itself, as Normalization
            places = [n for n in children.values() if nodes[n].WhichOneof("kind") == "variable"]
        found = []
        for variable in dict.fromkeys(places):
            if nodes[variable].WhichOneof("kind") != "variable" or variable not in self._keys:
                raise SourceError(f"the SavedModel holds no value for a weight of layer {name!r}")
            value = np.asarray(self._reader.get_tensor(self._keys[variable]))
            found.append(weights.Stored(name=nodes[variable].variable.name, array=value))
        return found
