"""What holds while one model is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgekit.source.model import Mend


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What the user allows, what the file is, and what has been mended so far.

    ``custom`` maps names to the user's objects; ``names`` maps a file's layer name to the one in
    the model; ``keras2`` says that Keras 2 wrote the file, whose activations differ in places.
    """

    custom: Mapping[str, Any]
    allow_code: bool
    keras2: bool = True
    mends: list[Mend] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def mend(self, what: str, where: str, how: str) -> None:
        """Note one mend."""
        self.mends.append(Mend(what=what, where=where, how=how))

    def is_custom(self, config: Mapping[str, Any]) -> bool:
        """Say whether a configuration names one of the user's own objects."""
        return config["class_name"] in self.custom or config.get("registered_name") in self.custom
