"""Custom objects that the user names: ``module:name``, imported because the user said so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgekit import usercode
from edgekit.errors import OptionError


def import_objects(names: Sequence[str]) -> dict[str, Any]:
    """Import each ``module:name``; the current folder counts as a place to import from.

    Returns:
        Every object under its own name, and under its registered ``package>name`` as well.

    Raises:
        OptionError: a name has another form, or its module or object is not there.
    """
    import keras

    found: dict[str, Any] = {}
    for text in names:
        module, colon, name = text.partition(":")
        if not (colon and module and name):
            raise OptionError(f"--custom-objects wants module:name, got {text!r}")
        thing = _import_one(text, module, name)
        found[name] = thing
        found[getattr(thing, "__name__", name)] = thing
        if callable(thing):
            found[keras.saving.get_registered_name(thing)] = thing
    return found


def _import_one(text: str, module: str, name: str) -> Any:
    try:
        loaded = usercode.import_module(module)
    except Exception as error:
        raise OptionError(
            f"--custom-objects {text}: module {module!r} cannot be imported: "
            f"{type(error).__name__}: {error}; looked for in this folder and on PYTHONPATH"
        ) from error
    if not hasattr(loaded, name):
        raise OptionError(f"--custom-objects {text}: module {module!r} has no {name!r}")
    return getattr(loaded, name)
