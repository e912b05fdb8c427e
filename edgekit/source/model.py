"""A loaded source model, and what had to be mended to load it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["keras", "h5", "savedmodel", "object"]


@dataclass(frozen=True, kw_only=True)
class Mend:
    """One thing that Keras 3 refuses, and how it was put right without changing any number."""

    what: str
    where: str
    how: str


@dataclass(frozen=True, kw_only=True)
class SourceModel:
    """A Keras 3 model that is ready for the trace.

    ``model`` is a ``keras.Model``; for ``kind = "object"`` it is the user's own, which nobody may
    change. ``name`` is safe as a folder's name; ``sha256`` names the baseline; ``origin`` is the
    path as given, or the object's class. ``parameters`` counts every weight element.
    """

    model: Any
    name: str
    sha256: str
    origin: str
    kind: Kind
    mends: tuple[Mend, ...]
    parameters: int


def folder_name(name: str) -> str:
    """Turn a name into one that is safe as a folder: letters, digits, ``._-``, no dot first."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".").strip("_")[:100]
    return safe or "model"
