"""Finds the shipped catalogues: inside the package in a wheel, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

from edgekit.errors import OptionError, UnknownName

_PACKAGE = Path(__file__).parent


def shipped(kind: str) -> Path:
    """Return the folder of shipped TOML files of a kind, such as ``targets``."""
    inside = _PACKAGE / "_catalog" / kind
    return inside if inside.is_dir() else _PACKAGE.parent / kind


def names(kind: str) -> list[str]:
    """Return the names of everything shipped of a kind, sorted."""
    return sorted(path.stem for path in shipped(kind).glob("*.toml"))


def locate(kind: str, name_or_path: str) -> Path:
    """Return the TOML file that a name or a path stands for.

    Raises:
        UnknownName: no shipped file has that name.
        OptionError: it looks like a path, and no file is there.
    """
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        if not path.is_file():
            raise OptionError(
                f"{name_or_path}: no such file; give the path of a TOML file of {kind}, or one of "
                f"the names: {', '.join(names(kind)) or 'none'}"
            )
        return path
    if name_or_path not in names(kind):
        noun = "device" if kind == "devicefarm" else kind.removesuffix("s")
        raise UnknownName(noun, name_or_path, names(kind))
    return shipped(kind) / f"{name_or_path}.toml"
