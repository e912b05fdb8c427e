"""What a Keras model takes and gives: names, static shapes and structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgekit.artifact import TensorSpec
from edgekit.errors import OptionError, TraceError


@dataclass(frozen=True, kw_only=True, eq=False)
class Signature:
    """The inputs of a model, flat and in order, and the nesting in which the model wants them.

    ``specs`` hold the Keras names and the full static shapes, the batch first. ``structure`` is
    the model's own nesting of inputs, with an index into ``specs`` at each leaf.
    """

    specs: tuple[TensorSpec, ...]
    structure: Any

    def pack(self, tensors: Sequence[Any]) -> Any:
        """Nest flat tensors the way the model wants them."""
        return _substitute(self.structure, tensors)

    def with_batch(self, batch: int | None) -> Signature:
        """Return the same signature at another batch size."""
        specs = tuple(
            TensorSpec(name=spec.name, shape=(batch, *spec.shape[1:]), dtype=spec.dtype)
            for spec in self.specs
        )
        return Signature(specs=specs, structure=self.structure)


def signature(model: Any, shapes: Mapping[str, Sequence[int]] | None = None) -> Signature:
    """Find the inputs of a model and fix every unknown dimension.

    The batch is 1 unless ``shapes`` or a stateful layer says otherwise. ``shapes`` maps an input
    name to its full shape, the batch first.

    Raises:
        OptionError: ``shapes`` names an input that is not there or contradicts the model, or a
            dimension stays unknown; the text says which and how to give it.
        TraceError: the model has never been built, so that nobody knows its inputs.
    """
    declared, structure = _declared_inputs(model)
    given = {name: tuple(int(size) for size in shape) for name, shape in (shapes or {}).items()}
    names = [spec.name for spec in declared]
    if not declared and given:
        declared, structure = _inputs_from_shapes(given)
        names = [spec.name for spec in declared]
    if not declared:
        raise TraceError(
            f"the inputs of {model.name!r} are unknown: a subclassed model that was never built; "
            "call it once on data before saving, or give --input-shape x=1,..."
        )
    if unknown := [name for name in given if name not in names]:
        raise OptionError(f"--input-shape: no input {unknown[0]!r}; the inputs: {', '.join(names)}")
    if not _stateful(model):
        declared = [
            replace(spec, shape=(None, *spec.shape[1:])) if spec.shape else spec
            for spec in declared
        ]
    specs = tuple(_static(spec, given.get(spec.name)) for spec in declared)
    return Signature(specs=specs, structure=structure)


def declared(model: Any) -> Signature:
    """Find the inputs of a model as it declares them: dimensions that may vary stay None.

    Raises:
        TraceError: the model has never been built, so that nobody knows its inputs.
    """
    specs, structure = _declared_inputs(model)
    if not specs:
        raise TraceError(
            f"the inputs of {model.name!r} are unknown: a subclassed model that was never built; "
            "call it once on data"
        )
    return Signature(specs=tuple(specs), structure=structure)


def _stateful(model: Any) -> bool:
    """Whether the batch belongs to the model: elsewhere it is only what data first came with."""
    return any(getattr(layer, "stateful", False) is True for layer in model._flatten_layers())


def entry_name(tensor: Any) -> str:
    """Return what an input is called: its layer's name, which is what its model's file says.

    The tensor of an input that was given no name is numbered anew in each process, among all
    tensors that were ever made (``keras_tensor_17``).
    """
    import keras

    layer = getattr(getattr(tensor, "_keras_history", None), "operation", None)
    return str(layer.name if isinstance(layer, keras.layers.InputLayer) else tensor.name)


def _declared_inputs(model: Any) -> tuple[list[TensorSpec], Any]:
    import keras

    nested = getattr(model, "_inputs_struct", None)
    if nested is None and isinstance(model, keras.Sequential) and model.built and model.inputs:
        nested = model.inputs if len(model.inputs) > 1 else model.inputs[0]
    if nested is None:
        return _built_inputs(model)
    flat: list[TensorSpec] = []

    indices = _indices(model)

    def visit(tensor: Any, key: str | None) -> int:
        name, dtype = key or entry_name(tensor), str(tensor.dtype)
        if id(tensor) in indices and dtype.startswith("float"):
            dtype = "int32"
        flat.append(TensorSpec(name=name, shape=tuple(tensor.shape), dtype=dtype))
        return len(flat) - 1

    structure = _walk(nested, visit, None)
    return flat, structure


def _indices(model: Any) -> set[int]:
    """Return the inputs that nothing but embeddings read in the end, by id: they hold indices.

    Keras calls them float32 unless told otherwise, and casts; a file that takes integers says what
    it means, and no quantizer rounds them. They may be reshaped on the way.
    """
    import keras

    inner = getattr(model, "_functional", None) or model
    readers: dict[int, list[Any]] = {}
    for nodes in getattr(inner, "_nodes_by_depth", {}).values():
        for node in nodes:
            for tensor in node.input_tensors:
                readers.setdefault(id(tensor), []).append(node)
    layers = keras.layers
    moving = (layers.Reshape, layers.Flatten, layers.Permute, layers.RepeatVector)

    def is_index(tensor: int) -> bool:
        return tensor in readers and all(map(reads_indices, readers[tensor]))

    def reads_indices(node: Any) -> bool:
        if isinstance(node.operation, moving):
            return all(is_index(id(tensor)) for tensor in node.output_tensors)
        return isinstance(node.operation, layers.Embedding)

    return {tensor for tensor in readers if is_index(tensor)}


def _built_inputs(model: Any) -> tuple[list[TensorSpec], Any]:
    """Inputs of a subclassed model, from the shapes that it was built with."""
    shapes = getattr(model, "_build_shapes_dict", None)
    if not shapes:
        return [], None
    dtype = str(getattr(model, "input_dtype", None) or "float32")
    nested = shapes if len(shapes) > 1 else next(iter(shapes.values()))
    flat: list[TensorSpec] = []

    def visit(shape: Any, key: str | None) -> int:
        name = key or ("x" if not flat else f"x_{len(flat)}")
        flat.append(TensorSpec(name=name, shape=(None, *tuple(shape)[1:]), dtype=dtype))
        return len(flat) - 1

    structure = _walk(nested, visit, None, leaf=_is_shape)
    return flat, structure


def _inputs_from_shapes(given: Mapping[str, tuple[int, ...]]) -> tuple[list[TensorSpec], Any]:
    specs = [TensorSpec(name=name, shape=shape, dtype="float32") for name, shape in given.items()]
    return specs, 0 if len(specs) == 1 else {spec.name: i for i, spec in enumerate(specs)}


def _is_shape(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(v is None or isinstance(v, int) for v in value)


def _walk(value: Any, visit: Any, key: str | None, leaf: Any = None) -> Any:
    if leaf is not None and leaf(value):
        return visit(value, key)
    if isinstance(value, dict):
        return {k: _walk(v, visit, str(k), leaf) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_walk(v, visit, None, leaf) for v in value]
    return visit(value, key)


def _substitute(structure: Any, tensors: Sequence[Any]) -> Any:
    if isinstance(structure, dict):
        return {key: _substitute(value, tensors) for key, value in structure.items()}
    if isinstance(structure, list):
        return [_substitute(value, tensors) for value in structure]
    return tensors[structure]


def _static(spec: TensorSpec, given: tuple[int, ...] | None) -> TensorSpec:
    shape = (1 if spec.shape[0] is None else spec.shape[0], *spec.shape[1:])
    if given is not None:
        fits = len(given) == len(spec.shape) and all(
            want is None or want == got for want, got in zip(spec.shape, given, strict=True)
        )
        if not fits:
            raise OptionError(
                f"--input-shape {spec.name}={_text(given)} contradicts the model, "
                f"which takes {_text(spec.shape)}"
            )
        shape = given
    if None in shape:
        example = _text([224 if size is None else size for size in shape])
        raise OptionError(
            f"input {spec.name!r} has an unknown dimension: {_text(shape)}; "
            f"fix it with --input-shape {spec.name}={example}"
        )
    return TensorSpec(name=spec.name, shape=shape, dtype=spec.dtype)


def _text(shape: Sequence[int | None]) -> str:
    return ",".join("?" if size is None else str(size) for size in shape)
