"""Describes the files of a conversion, so that anyone can check them and make them again."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import msgspec

from edgekit import table
from edgekit.errors import ArtifactError, EdgekitError
from edgekit.files import MARKER, write_atomically
from edgekit.target import Target

SCHEMA = 1
_MOST_BYTES = 2**24
_DIGEST = frozenset("0123456789abcdef")


@dataclass(frozen=True, kw_only=True)
class FileDigest:
    """What a file must be to be the one that was made."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Source:
    """The source model: its name, the SHA-256 of its file or folder, and its path as given."""

    name: str
    sha256: str
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Where the files beside it come from.

    ``target`` is resolved: every key with its value. ``command`` makes the files again.
    ``tools`` are versions by distribution. ``files`` are relative to the manifest's folder.
    """

    edgekit: str
    source: Source
    target: Target
    seed: int
    files: dict[str, FileDigest]
    command: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)
    recipe: str | None = None


def describe(folder: Path, names: Iterable[str]) -> dict[str, FileDigest]:
    """Return digest and size of files in a folder, by name.

    Raises:
        ArtifactError: a name leaves the folder, or is not a regular file there.
    """
    found = {}
    for name in names:
        path = _inside(folder, name)
        if not _is_regular(path):
            raise ArtifactError(f"{path}: expected a regular file")
        found[name] = _digest(path)
    return found


def write(manifest: Manifest, path: Path) -> None:
    """Write a manifest as JSON with sorted keys: the same manifest gives the same bytes.

    Raises:
        DestinationError: the file cannot be written.
    """
    plain = {"schema": SCHEMA, **msgspec.to_builtins(asdict(manifest), enc_hook=str)}
    text = json.dumps(plain, indent=2, sort_keys=True, allow_nan=False)
    write_atomically(path, f"{text}\n".encode())


def read(path: str | Path) -> Manifest:
    """Read a manifest strictly; of a folder, the ``manifest.json`` in it.

    Raises:
        ArtifactError: it is missing, not a manifest, of another schema, has unknown keys or wrong
            types, or names files outside its folder.
    """
    path = _file(path)
    plain = _json(path)
    if (schema := plain.pop("schema", None)) != SCHEMA:
        raise ArtifactError(f"{path}: expected a manifest of schema {SCHEMA}, got {schema!r}")
    try:
        manifest = table.build(plain, Manifest, where=str(path))
    except EdgekitError as error:
        raise ArtifactError(str(error)) from error
    for name, file in manifest.files.items():
        _inside(path.parent, name)
        if len(file.sha256) != 64 or not _DIGEST.issuperset(file.sha256):
            raise ArtifactError(f"{path}: {name}: sha256 is not 64 hexadecimal digits")
    return manifest


def verify(path: str | Path) -> list[str]:
    """Say which files are not the ones that a manifest describes; empty when all are.

    Raises:
        ArtifactError: the manifest itself cannot be used; see ``read``.
    """
    manifest, folder = read(path), _file(path).parent
    return [
        said for name, file in manifest.files.items() if (said := _difference(folder, name, file))
    ]


def _difference(folder: Path, name: str, expected: FileDigest) -> str | None:
    path = _inside(folder, name)
    if not path.exists():
        return f"{name}: missing"
    if not path.resolve().is_relative_to(folder.resolve()):
        return f"{name}: is a link to outside of its folder"
    if not _is_regular(path):
        return f"{name}: is not a regular file"
    try:
        size = path.stat().st_size
        if size != expected.size_bytes:
            return f"{name}: expected {expected.size_bytes} bytes, found {size}"
        found = _digest(path)
    except OSError as error:
        return f"{name}: cannot be read ({error.strerror})"
    if found.sha256 != expected.sha256:
        return f"{name}: expected SHA-256 {expected.sha256[:12]}…, found {found.sha256[:12]}…"
    return None


def _file(path: str | Path) -> Path:
    path = Path(path)
    return path / MARKER if path.is_dir() else path


def _json(path: Path) -> dict[str, Any]:
    try:
        if not _is_regular(path):
            raise ArtifactError(f"{path}: no such file; expected a manifest.json")
        if path.stat().st_size > _MOST_BYTES:
            raise ArtifactError(f"{path}: too large to be a manifest")
        plain = json.loads(path.read_bytes(), parse_constant=_no_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{path}: not a readable manifest: {error}") from error
    if not isinstance(plain, dict):
        raise ArtifactError(f"{path}: expected a JSON object, got {type(plain).__name__}")
    return _without_unknown(plain, path)


def _without_unknown(plain: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Refuse what ``table.build`` cannot see: keys inside the entries of ``files``."""
    files = plain.get("files")
    for name, entry in files.items() if isinstance(files, dict) else ():
        if isinstance(entry, dict) and (extra := set(entry) - {"sha256", "size_bytes"}):
            raise ArtifactError(f"{path}: files.{name}: unknown key {sorted(extra)[0]!r}")
    return dict(plain)


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _inside(folder: Path, name: str) -> Path:
    parts = PurePosixPath(name).parts
    plain = parts and ".." not in parts and not PurePosixPath(name).is_absolute()
    if not plain or "\\" in name or "\0" in name or PureWindowsPath(name).drive:
        raise ArtifactError(f"{folder}: {name!r} is not a file name inside the folder; refused")
    return folder / name


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _digest(path: Path) -> FileDigest:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileDigest(sha256=digest, size_bytes=path.stat().st_size)
