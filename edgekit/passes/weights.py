"""The weights that pruning and clustering treat: the kernels of a layer, and their axes."""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgekit.errors import PassError
from edgekit.passes.custom_layers import description, is_custom

Kind = Literal["dense", "convolution", "depthwise", "recurrent", "embedding", "custom"]
Axes = tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Weight:
    """One kernel of a layer.

    Args:
        layer: The layer of the model that holds it, maybe in a layer inside.
        name: Path within the layer, such as ``kernel`` or ``forward_lstm/lstm_cell/kernel``.
        kind: What it is used as.
        variable: The Keras variable.
        inputs: Axes that are summed over, without a convolution's taps; outermost first.
        outputs: Axes of the output channels.
        pointwise: Whether this is the kernel of a plain 1x1 convolution: stride 1, no groups.
    """

    layer: Any
    name: str
    kind: Kind
    variable: Any
    inputs: Axes
    outputs: Axes
    pointwise: bool = False

    @property
    def key(self) -> str:
        """A name that is unique in a flat model: ``layer/name``."""
        return f"{self.layer.name}/{self.name}"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the variable."""
        return tuple(self.variable.shape)

    @property
    def size(self) -> int:
        """Count of numbers."""
        return int(np.prod(self.shape))

    def read(self) -> NDArray[Any]:
        """Return the numbers, in single precision or better."""
        import keras

        numbers = np.asarray(keras.ops.convert_to_numpy(self.variable.value))
        return numbers if numbers.dtype.itemsize >= 4 else numbers.astype(np.float32)

    def write(self, numbers: NDArray[Any]) -> None:
        """Replace the numbers."""
        self.variable.assign(numbers)


def weights_of(layer: Any) -> tuple[Weight, ...]:
    """Return the kernels of a layer and of the layers inside it, in the order of its variables.

    Custom layers hold those that they name in ``edgekit_prunable()``, and none otherwise.

    Raises:
        PassError: a custom layer names a variable that it does not have.
    """
    found = {id(weight.variable): weight for weight in _found(layer, layer, "")}
    return tuple(found.values())


def kernels(model: Any) -> tuple[Weight, ...]:
    """Return the kernels of a whole flat model, each once, in the order of its layers."""
    found = {id(w.variable): w for layer in model.layers for w in reversed(weights_of(layer))}
    return tuple(sorted(found.values(), key=lambda weight: _place(model, weight)))


def without_kernel(layer: Any) -> str:
    """Return why ``weights_of`` found nothing."""
    for part in (layer, *layer._flatten_layers(include_self=False)):
        if type(part).__name__ in _LEFT:
            return _LEFT[type(part).__name__]
        if is_custom(part) and part.variables:
            return (
                f"custom layer {type(part).__name__}: only its author knows which of its weights "
                "may change; let it name them in edgekit_prunable() (docs/passes.md)"
            )
        if any(v.name in _NAMES and not _is_float(v) for v in _own(part)):
            return "its kernel is quantized already"
    return "no kernel"


def _place(model: Any, weight: Weight) -> int:
    return next(n for n, v in enumerate(model.weights) if v is weight.variable)


def _found(part: Any, layer: Any, path: str) -> Iterator[Weight]:
    if is_custom(part):
        yield from _declared(part, layer, path)
        return
    if type(part).__name__ in _LEFT:
        return
    kind = _KINDS.get(type(part).__name__)
    for variable in _own(part) if kind else ():
        if variable.name not in _NAMES or not _is_float(variable):
            continue
        used = "depthwise" if variable.name == "depthwise_kernel" else kind
        inputs, outputs = _axes(part, variable, str(used))
        yield Weight(
            layer=layer,
            name=f"{path}{variable.name}",
            kind=used,  # type: ignore[arg-type]
            variable=variable,
            inputs=inputs,
            outputs=outputs,
            pointwise=_is_pointwise(part, variable),
        )
    for inner in part._flatten_layers(include_self=False, recursive=False):
        yield from _found(inner, layer, f"{path}{inner.name}/")


_LEFT = {"SpectralNormalization": "its kernel is normalized anew at every training step"}
_NAMES = ("kernel", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel", "embeddings")
_KINDS: dict[str, Kind] = {
    "Dense": "dense",
    "EinsumDense": "dense",
    "Embedding": "embedding",
    "ReversibleEmbedding": "embedding",
    "LSTMCell": "recurrent",
    "GRUCell": "recurrent",
    "SimpleRNNCell": "recurrent",
    **{f"Conv{n}D": "convolution" for n in (1, 2, 3)},
    **{f"Conv{n}DTranspose": "convolution" for n in (1, 2, 3)},
    **{f"SeparableConv{n}D": "convolution" for n in (1, 2)},
    **{f"DepthwiseConv{n}D": "depthwise" for n in (1, 2)},
    "ConvLSTMCell": "recurrent",
}


def _own(part: Any) -> list[Any]:
    """Return the variables of a layer itself, without those of layers inside."""
    inside = {id(v) for p in part._flatten_layers(include_self=False) for v in p.variables}
    return [v for v in part.variables if id(v) not in inside]


def _is_pointwise(part: Any, variable: Any) -> bool:
    kind, taps = type(part).__name__, tuple(variable.shape)[:-2]
    if any(size != 1 for size in taps):
        return False
    if variable.name == "pointwise_kernel":
        return True
    plain = kind.startswith("Conv") and not kind.endswith(("Transpose", "Cell"))
    return plain and part.groups == 1 and all(stride == 1 for stride in part.strides)


def _is_float(variable: Any) -> bool:
    return "float" in str(variable.dtype)


def _axes(part: Any, variable: Any, kind: str) -> tuple[Axes, Axes]:
    """Return the input and the output axes of a kernel, by how its layer uses it."""
    rank = len(variable.shape)
    if type(part).__name__ == "EinsumDense":
        return _einsum_axes(part.equation, rank)
    if kind == "depthwise":  # (*taps, channels, multiplier): nothing is summed but taps
        return (), (rank - 2, rank - 1)
    if kind == "embedding":
        return (), (rank - 1,)
    if type(part).__name__.endswith("Transpose"):
        return (rank - 1,), (rank - 2,)
    return (rank - 2,), (rank - 1,)


def _einsum_axes(equation: str, rank: int) -> tuple[Axes, Axes]:
    terms, output = equation.replace(" ", "").split("->")
    letters = [c for c in terms.split(",")[1] if c in string.ascii_letters]
    inputs = tuple(axis for axis, c in enumerate(letters) if c not in output)
    return inputs, tuple(axis for axis in range(rank) if axis not in inputs)


def _declared(part: Any, layer: Any, path: str) -> Iterator[Weight]:
    """Yield what a custom layer names; axes are taken as Keras orders them: inputs, outputs."""
    answer = description(part, "edgekit_prunable")
    if answer is None:
        return
    for name in answer():
        variable = _named(part, str(name))
        rank = len(variable.shape)
        yield Weight(
            layer=layer,
            name=f"{path}{name}",
            kind="custom",
            variable=variable,
            inputs=(rank - 2,) if rank > 1 else (),
            outputs=(rank - 1,),
        )


def _named(part: Any, name: str) -> Any:
    found = [v for v in part.variables if f"/{v.path}".endswith(f"/{name}") and _is_float(v)]
    if len(found) != 1:
        known = ", ".join(v.path for v in part.variables if _is_float(v))
        raise PassError(
            f"{part.name!r}: edgekit_prunable() of {type(part).__name__} names {name!r}: expected "
            f"the name or path of one float variable, found {len(found)}; it has: {known or 'none'}"
        )
    return found[0]
