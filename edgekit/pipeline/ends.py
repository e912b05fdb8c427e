"""What a model takes and gives: no pass may change it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from edgekit.errors import PassError


@dataclass(frozen=True, kw_only=True)
class Ends:
    """Names, shapes, types, order and nesting of a functional model's inputs and outputs."""

    inputs: str
    outputs: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, model: Any) -> Self:
        """Read them from a model; of a subclassed one there is nothing to read."""
        import keras

        if not hasattr(model, "_inputs_struct"):
            return cls(inputs="", outputs="", names=())
        return cls(
            inputs=str(keras.tree.map_structure(lambda t: f"{t.name} {_said(t)}",
                                                model._inputs_struct)),
            outputs=str(keras.tree.map_structure(_said, model._outputs_struct)),
            names=tuple(model.output_names),
        )  # fmt: skip

    def check(self, model: Any) -> None:
        """Refuse a model with other ends.

        Raises:
            PassError: what a pass left is none of what it was given.
        """
        came = Ends.of(model)
        for what in ("inputs", "outputs", "names"):
            wanted, got = getattr(self, what), getattr(came, what)
            if wanted != got:
                of = "names of the outputs" if what == "names" else what
                raise PassError(
                    f"it has to leave the {of} as they were, {wanted}, and left {got}; "
                    "that is a bug of the pass: report it, or leave the pass out"
                )


def _said(tensor: Any) -> str:
    return f"{tensor.dtype} {tuple(tensor.shape)}"
