"""Containers from strangers: zip archives and HDF5 files are looked over before anyone reads them.

A file that declares far more than it holds, leads outside of itself, or is damaged gives one line.
"""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

from edgekit.errors import SourceError, UnsafeSource

MAX_MEMBERS = 100_000
MAX_CONFIG_BYTES = 256 << 20
FLOOR_BYTES = 64 << 20  # below this nobody is hurt, whatever the ratio
MAX_RATIO = 100


def unpack_keras(archive: Path, into: Path) -> dict[str, Path]:
    """Check a .keras archive and unpack it; member names map to files in ``into``.

    Raises:
        SourceError: damaged, oversized, without a configuration or weights.
        UnsafeSource: a member would land outside of the folder.
    """
    try:
        with zipfile.ZipFile(archive) as zipped:
            members = zipped.infolist()
            _check_members(members, archive.stat().st_size)
            for member in members:
                if not member.is_dir():
                    zipped.extract(member, into)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        ValueError,
    ) as error:
        raise SourceError(
            f"the .keras archive is damaged or truncated: {one_line(error)}; copy it again, "
            "or save the model again"
        ) from error
    files = {m.filename: into / m.filename for m in members if not m.is_dir()}
    if "config.json" not in files:
        raise SourceError(
            "a zip archive without config.json: not a .keras model; save the model with model.save"
        )
    if not files.keys() & {"model.weights.h5", "model.weights.npz"}:
        raise SourceError("the .keras archive holds no model.weights.h5: save the model again")
    return files


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    if len(members) > MAX_MEMBERS:
        raise SourceError(
            f"expected at most {MAX_MEMBERS} members in the archive, it lists {len(members)}; save "
            "the model again"
        )
    names = [m.filename for m in members]
    if len(set(names)) != len(names):
        raise UnsafeSource("the archive lists a member twice; save the model again")
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        link = stat.S_ISLNK(member.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or ":" in member.filename or link:
            raise UnsafeSource(
                f"archive member {member.filename!r} leads outside of the archive; save the model "
                "again, or get it from someone you trust"
            )
        if member.flag_bits & 1:
            raise SourceError(
                f"archive member {member.filename!r} is encrypted, expected plain; save the model "
                "again"
            )
        _check_growth(f"archive member {member.filename!r}", member.file_size, member.compress_size)
        if member.filename == "config.json" and member.file_size > MAX_CONFIG_BYTES:
            raise SourceError(
                f"expected a config.json of at most {MAX_CONFIG_BYTES} bytes, it declares "
                f"{member.file_size}; save the model again"
            )
    _check_growth("the archive", sum(m.file_size for m in members), size)


def _check_growth(what: str, declared: int, held: int) -> None:
    if declared > FLOOR_BYTES and declared > MAX_RATIO * held:
        raise UnsafeSource(
            f"{what} declares {declared} bytes but holds {held}: a decompression bomb; "
            "save the model again without compression"
        )


def check_hdf5(path: Path, within: Path | None = None) -> int:
    """Walk an HDF5 file without reading data, and return how many bytes its arrays take in memory.

    ``within`` is the archive that the file came in, which is what must have room for them.

    Raises:
        SourceError: damaged or truncated.
        UnsafeSource: links or data outside of the file, or sizes that the file cannot hold.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            declared = _walk(file, set())
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise SourceError(
            f"the HDF5 file is damaged or truncated: {one_line(error)}; copy it again"
        ) from error
    held = min(whole.stat().st_size for whole in (path, within or path))
    _check_growth("the HDF5 file", declared, held)
    return declared


def check_npz(path: Path, within: Path) -> int:
    """Look at an ``.npz`` file's members, and return how many bytes they take in memory.

    Raises:
        SourceError, UnsafeSource: damaged, or it declares far more than its archive can hold.
    """
    try:
        with zipfile.ZipFile(path) as zipped:
            members = zipped.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise SourceError(
            f"the archive's weights are damaged: {one_line(error)}; copy it again, or save the "
            "model again"
        ) from error
    _check_members(members, within.stat().st_size)
    return sum(member.file_size for member in members)


def _walk(root: Any, seen: set[int]) -> int:
    import h5py

    declared, groups = 0, [root]
    while groups:
        group = groups.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise UnsafeSource(
                    f"HDF5 entry {name!r} is a link to somewhere else; save the model again"
                )
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(item, h5py.Group):
                groups.append(item)
            elif isinstance(item, h5py.Dataset):
                declared += _dataset_bytes(item)
        if len(seen) > 10 * MAX_MEMBERS:
            raise SourceError(
                f"expected at most {10 * MAX_MEMBERS} entries in the HDF5 file, it has more; save "
                "the model again"
            )
    return declared


def _dataset_bytes(item: Any) -> int:
    if item.external or item.is_virtual:
        raise UnsafeSource(
            f"HDF5 dataset {item.name!r} keeps its data in another file; save the model again"
        )
    _check_growth(f"HDF5 dataset {item.name!r}", item.nbytes, item.id.get_storage_size())
    return int(item.nbytes)


def one_line(error: BaseException, limit: int = 300) -> str:
    """Return an exception's text on one line, cut to ``limit`` characters."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", " ".join(str(error).split())) or type(error).__name__
    text = text.rsplit("Exception encountered: ", 1)[-1]  # Keras puts the cause behind a dump
    return text if len(text) <= limit else text[: limit - 1] + "…"
