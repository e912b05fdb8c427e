"""The stages of the model that a recipe made, beside those of the source model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from edgekit.pipeline.compress import Compressed
from edgekit.pipeline.workshop import Workshop
from edgekit.source import SourceModel, load


class CompressedWorkshop(Workshop):
    """A workshop of the compressed model; it shares the keeper of its source's.

    Args:
        source: Of the source model.
        made: What the recipe made of it.
    """

    def __init__(self, source: Workshop, made: Compressed) -> None:
        super().__init__(made.path, source.options, source.keeper.cache, source.keeper.progress)
        self.keeper, self.simulation = source.keeper, made.story.simulation
        self._live, self._source = made.live, source

    @cached_property
    def loaded(self) -> SourceModel:
        """The compressed model; its outputs have the names of the source's, which may be nested."""
        names = [spec.name for spec in self._source.facts.outputs]
        model = self._live or read_compressed(self.given, self.options.custom_objects)
        inner = getattr(model, "_functional", None) or model
        if len(getattr(inner, "output_names", ())) == len(names):
            inner.output_names = names
        return SourceModel(
            model=model,
            name=self._source.facts.name,
            sha256=self.sha256,
            origin=str(self.given),
            kind="keras",
            mends=(),
            parameters=int(model.count_params()),
        )

    def kept(
        self, stage: str, parts: Mapping[str, Any], write: Callable[[Path], None], *,
        name: str = "", total: int | None = None,
    ) -> Path:  # fmt: skip
        """Return the folder of a stage's result; people read which model it is of."""
        told = f"{name or stage} (compressed)"
        return super().kept(stage, parts, write, name=told, total=total)


def read_compressed(path: Path, custom_objects: Sequence[str]) -> Any:
    """Load a compressed model that edgekit kept; it holds no code that its source did not."""
    return load(path, custom_objects=custom_objects, allow_code=True).model
