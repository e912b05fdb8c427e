"""How a model gets over to a process whose Keras runs on TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit.errors import SourceError
from edgekit.source.containers import one_line
from edgekit.source.model import folder_name


def save_object(model: Any, folder: Path) -> Path:
    """Save an object as ``.keras`` in ``folder``; a process on TensorFlow can load it from there.

    The object is only read.

    Raises:
        SourceError: it cannot be saved, for instance for want of a ``get_config``.
    """
    path = folder / f"{folder_name(str(model.name))}.keras"
    try:
        model.save(path)
    except Exception as error:
        raise SourceError(
            f"the model {model.name!r} cannot be saved as .keras: {one_line(error)}; give its "
            "custom layers a get_config and register them, or run with KERAS_BACKEND=tensorflow"
        ) from error
    return path
