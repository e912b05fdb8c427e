"""What a path holds, told from its bytes and not from its name. Imports no framework."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from edgekit.errors import SourceError

FileKind = Literal["keras", "h5", "savedmodel"]

WANTED = "expected a Keras model: a .keras file, an .h5 file or a SavedModel folder"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (4, b"TFL3", "already converted (a TFLite file): give the Keras model it was made from"),
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"GIF8", "a GIF picture"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x93NUMPY", "a numpy array (data, not a model)"),
    (0, b"\x1f\x8b", "a gzip archive: unpack it first"),
    (0, b"<?xml", "XML (of OpenVINO?): give the Keras model it was made from"),
    (0, b"\x80\x04\x95", "a Python pickle, which edgekit never opens: save the model as .keras"),
    (0, b"\x80\x05\x95", "a Python pickle, which edgekit never opens: save the model as .keras"),
    (0, b"\x80\x02", "a Python pickle, which edgekit never opens: save the model as .keras"),
)  # fmt: skip
_NAMES = {
    ".onnx": "an ONNX file: give the Keras model it was made from",
    ".pb": "a single .pb file: give the SavedModel folder that it lies in",
    ".pt": "a PyTorch file: only Keras models can be read",
    ".pth": "a PyTorch file: only Keras models can be read",
    ".json": "a model's configuration without weights: save the whole model as .keras",
}


def identify(path: Path) -> FileKind:
    """Say which kind of Keras model a path holds.

    Raises:
        SourceError: it is missing, unreadable, empty, or something else; the text says what.
    """
    try:
        if path.is_dir():
            return _identify_folder(path)
        if not path.exists():
            raise SourceError(f"{path}: no such file; {WANTED}")
        if not path.is_file():
            raise SourceError(f"{path}: neither a file nor a folder; {WANTED}")
        with path.open("rb") as stream:
            head = stream.read(1 << 16)
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read: {error}") from error
    return _identify_bytes(path, head)


def _identify_folder(path: Path) -> FileKind:
    if (path / "saved_model.pb").is_file():
        return "savedmodel"
    if (path / "config.json").is_file():
        raise SourceError(f"{path}: an unpacked .keras folder; {WANTED}: zip it again")
    if (path / "saved_model.pbtxt").is_file():
        raise SourceError(f"{path}: a SavedModel in text form; save it again as .keras")
    raise SourceError(f"{path}: a folder without saved_model.pb; {WANTED}")


def _identify_bytes(path: Path, head: bytes) -> FileKind:
    if not head:
        raise SourceError(f"{path}: the file is empty; {WANTED}")
    if head.startswith(b"PK"):
        return "keras"
    if any(head[at : at + 8] == _HDF5 for at in (0, 512, 1024, 2048, 4096, 8192, 16384, 32768)):
        return "h5"
    for at, magic, what in _OTHERS:
        if head[at : at + len(magic)] == magic:
            raise SourceError(f"{path}: this is {what}; {WANTED}")
    if what := _NAMES.get(path.suffix.lower(), ""):
        raise SourceError(f"{path}: this is {what}; {WANTED}")
    text = "a text file" if _looks_like_text(head) else "not a file that Keras writes (damaged?)"
    raise SourceError(f"{path}: this is {text}; {WANTED}")


def _looks_like_text(head: bytes) -> bool:
    try:
        head[:4096].decode("utf-8", errors="strict" if len(head) < 4096 else "ignore")
    except UnicodeDecodeError:
        return False
    return b"\0" not in head
