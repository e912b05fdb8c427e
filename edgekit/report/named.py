"""What a file is called that no report tells of."""

from __future__ import annotations

from pathlib import PurePath

_GENERIC = ("model", "saved_model")
_FORMATS = {"xml": "openvino"}


def named_by_path(file: str, kind: str = "") -> tuple[str, str]:
    """Return model and target of a file: of ``…/<model>/<target>/model.*`` the two folders.

    Of others they are the file's name and its format ``kind``; what its ending says if left out.
    """
    path = PurePath(file)
    if path.stem in _GENERIC and len(path.parts) >= 3:
        return path.parts[-3], path.parts[-2]
    ending = path.suffix.lstrip(".") or "file"
    return path.stem, kind or _FORMATS.get(ending, ending)
