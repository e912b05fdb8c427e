"""How a source model was compiled: read as data, nothing of it is executed."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.source.model import SourceModel

LARGEST = 64 << 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Compiled:
    """Losses, their weights and metrics as they were given to ``compile``.

    From a file each is a name, ``{"class_name": …, "config": …}``, or a list or dict (by output)
    of those; from a model in memory they may be the user's own objects. ``None`` is not given.
    """

    loss: Any = None
    loss_weights: Any = None
    metrics: Any = None


def compiled(source: Any) -> Compiled | None:
    """Return how a model was compiled, or None if it was not or nobody can tell.

    Args:
        source: A ``SourceModel``, or a ``keras.Model``.
    """
    if isinstance(source, SourceModel):
        if source.kind == "object":
            return _of_model(source.model)
        return _of_config(_stored(Path(source.origin), source.kind))
    return _of_model(source)


def _of_model(model: Any) -> Compiled | None:
    config = getattr(model, "_compile_config", None)
    if not getattr(model, "compiled", False) or config is None:
        return None
    return _of_config(config.config)


def _of_config(config: Any) -> Compiled | None:
    if not isinstance(config, Mapping) or config.get("loss") is None:
        return None
    return Compiled(
        loss=config["loss"],
        loss_weights=config.get("loss_weights"),
        metrics=config.get("metrics"),
    )


def _stored(path: Path, kind: str) -> Any:
    """Return the compile configuration that a file holds, as JSON; None if it holds none."""
    try:
        if kind == "keras":
            with zipfile.ZipFile(path) as archive:
                if archive.getinfo("config.json").file_size > LARGEST:
                    return None
                return json.loads(archive.read("config.json")).get("compile_config")
        if kind == "h5":
            import h5py

            with h5py.File(path, "r") as file:
                return json.loads(file.attrs["training_config"])
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RecursionError,
            zipfile.BadZipFile):  # fmt: skip
        return None  # the model has been loaded: how it was compiled is not worth an error
    return None
