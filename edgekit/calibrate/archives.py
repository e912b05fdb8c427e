"""Opens ``.npy`` and ``.npz`` files as columns; reads headers, never a whole archive."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

from edgekit.calibrate.columns import (
    CHUNK_BYTES,
    Column,
    StoredColumn,
    column_major,
    open_member,
    read_header,
)
from edgekit.calibrate.fit import show
from edgekit.errors import DataError


def open_npy(path: Path) -> dict[str, Column]:
    """Open an ``.npy`` file as the array ``x``.

    Raises:
        DataError: it is none, or cut off.
    """
    with path.open("rb") as file:
        header, offset = read_header(file, str(path))
        if header.dtype.hasobject:
            return {"x": StoredColumn(path=path, header=header, offset=0)}
        if path.stat().st_size - offset < header.data_bytes:
            raise DataError(
                f"{path}: expected {header.data_bytes} bytes of data, got "
                f"{path.stat().st_size - offset}: the file is cut off; copy it again"
            )
        if header.column_major or not header.shape:
            return {"x": column_major(file, header, str(path))}
    return {"x": StoredColumn(path=path, header=header, offset=offset)}


def open_npz(path: Path) -> dict[str, Column]:
    """Open every array of an ``.npz`` by its name; reads headers only.

    Members of strings or records are left out unless their name is asked for later.

    Raises:
        DataError: it is no intact zip archive, or holds no array.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            if not infos:
                raise DataError(f"{path}: expected arrays, the archive holds none; use numpy.savez")
            return {
                info.filename.removesuffix(".npy"): _member(path, archive, info) for info in infos
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError) as error:
        raise DataError(
            f"{path}: expected an .npz archive, it is damaged or none: {error}; write it again "
            f"with numpy.savez"
        ) from error
    except RuntimeError as error:
        raise DataError(
            f"{path}: expected a plain archive, got an encrypted one: {error}"
        ) from error


def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Column:
    where = f"{path}: {info.filename}"
    with archive.open(info) as file:
        header, offset = read_header(file, where)
        if header.dtype.hasobject:  # never read: it is refused as soon as its name is asked for
            return StoredColumn(path=path, header=header, offset=0)
        if info.file_size != offset + header.data_bytes:
            raise DataError(
                f"{where}: expected {offset + header.data_bytes} bytes for shape "
                f"{show(header.shape)}, the archive says {info.file_size}; write it again"
            )
        if header.column_major or not header.shape:
            return column_major(file, header, where)
    if info.compress_type == zipfile.ZIP_STORED:
        start = _data_start(path, info)
        _verify(path, info)
        return StoredColumn(path=path, header=header, offset=start + offset)
    return StoredColumn(path=path, member=info.filename, header=header, offset=offset)


def _data_start(path: Path, info: zipfile.ZipInfo) -> int:
    """Return where a stored member's bytes begin (APPNOTE.TXT 4.3.7: the local header's end)."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        local = file.read(30)
        name, extra = struct.unpack("<HH", local[26:30])
    return int(info.header_offset + 30 + name + extra)


def _verify(path: Path, info: zipfile.ZipInfo) -> None:
    """Check a stored member's CRC, since later reads go past the zip reader."""
    with open_member(path, info.filename) as file:
        while file.read(CHUNK_BYTES):
            pass
