"""Reads rows of one stored array in constant memory: from memory, a file, or a zip member."""

from __future__ import annotations

import io
import itertools
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from edgekit.errors import DataError, one_line

Array = NDArray[Any]
Indices = NDArray[np.int64]

CHUNK_BYTES = 1 << 20
# A column-major array can only be read by rows from memory; beyond this it is refused.
COLUMN_MAJOR_BYTES = 256 << 20


class Column(Protocol):
    """One array; its leading axis counts samples."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole array."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the stored values."""

    def rows(self, wanted: Indices, size: int) -> Iterator[Array]:
        """Yield the rows at ascending places, at most ``size`` at a time."""


@dataclass(frozen=True, eq=False)
class MemoryColumn:
    """Rows of an array that is in memory already."""

    array: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the array."""
        return self.array.dtype

    def rows(self, wanted: Indices, size: int) -> Iterator[Array]:
        """Yield copies of the rows."""
        for start in range(0, len(wanted), size):
            yield self.array[wanted[start : start + size]]


@dataclass(frozen=True, kw_only=True)
class Header:
    """What an ``.npy`` header says."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    column_major: bool

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return int(np.prod(self.shape[1:], dtype=object)) * self.dtype.itemsize

    @property
    def data_bytes(self) -> int:
        """Bytes of all rows."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredColumn:
    """Rows of an array in a file, or in a compressed member of an ``.npz``; never read whole.

    Reads instead of mapping: mapped pages would count as this process's memory.
    """

    path: Path
    header: Header
    offset: int
    member: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.header.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the array."""
        return self.header.dtype

    def rows(self, wanted: Indices, size: int) -> Iterator[Array]:
        """Yield the rows; neighbours are read in one go, a member is decompressed once."""
        row, at = self.header.row_bytes, 0
        with self._open() as file:
            _skip(file, self.offset)
            for start in range(0, len(wanted), size):
                places = wanted[start : start + size]
                out = np.empty((len(places), *self.shape[1:]), self.dtype)
                raw = out.reshape(-1).view(np.uint8) if out.size else np.empty(0, np.uint8)
                for begin, end in _runs(places):
                    _skip(file, (int(places[begin]) - at) * row)
                    _fill(file, raw[begin * row : end * row], self._where)
                    at = int(places[end - 1]) + 1
                yield out

    def _open(self) -> AbstractContextManager[IO[bytes]]:
        if self.member:
            return open_member(self.path, self.member)
        return self.path.open("rb", buffering=0)

    @property
    def _where(self) -> str:
        return f"{self.path}: {self.member}" if self.member else str(self.path)


@contextmanager
def open_member(path: Path, member: str) -> Iterator[IO[bytes]]:
    """Open a zip member; damage met while reading it becomes a ``DataError``."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            yield file
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error) as error:
        raise DataError(
            f"{path}: {member}: expected an intact archive, it is damaged: {error}; copy it again"
        ) from error


def read_header(file: IO[bytes], where: str) -> tuple[Header, int]:
    """Read an ``.npy`` header; return it and the bytes that it takes.

    Raises:
        DataError: it is none, or the array holds records.
    """
    start = io.BytesIO(file.read(12))
    try:
        version = npy.read_magic(start)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version} (records) is not read")
        width = 2 if version == (1, 0) else 4
        length = int.from_bytes(start.getvalue()[8 : 8 + width], "little")
        if length > 10_000:
            raise ValueError(f"a header of {length} bytes")
        whole = io.BytesIO(start.getvalue() + file.read(length - (4 - width)))
        npy.read_magic(whole)
        parse = npy.read_array_header_1_0 if width == 2 else npy.read_array_header_2_0
        shape, column_major, dtype = parse(whole)
        if any(n < 0 for n in shape):
            raise ValueError(f"negative shape {shape}")
    except (ValueError, TypeError, SyntaxError, RecursionError) as error:
        raise DataError(
            f"{where}: expected a numpy array (.npy), it is none: {one_line(error, 120)}; "
            f"write it with numpy.save or numpy.savez"
        ) from error
    return Header(shape=shape, dtype=dtype, column_major=column_major and len(shape) > 1), (
        8 + width + length
    )


def column_major(file: IO[bytes], header: Header, where: str) -> MemoryColumn:
    """Load a column-major array, whose rows lie scattered; ``file`` stands at its data.

    Raises:
        DataError: it is larger than 256 MiB, or cut off.
    """
    if header.data_bytes > COLUMN_MAJOR_BYTES:
        raise DataError(
            f"{where}: expected rows one after the other, got a column-major array of "
            f"{header.data_bytes >> 20} MiB; save numpy.ascontiguousarray(x)"
        )
    flat = np.empty(header.data_bytes, np.uint8)
    _fill(file, flat, where)
    return MemoryColumn(flat.view(header.dtype).reshape(header.shape, order="F"))


def _runs(places: Indices) -> Iterator[tuple[int, int]]:
    cuts = np.flatnonzero(np.diff(places) != 1) + 1
    edges = [0, *cuts.tolist(), len(places)]
    return itertools.pairwise(edges)


def _fill(file: IO[bytes], raw: NDArray[np.uint8], where: str) -> None:
    view, done = memoryview(raw.data), 0
    while done < len(view):
        part = file.read(min(CHUNK_BYTES, len(view) - done))
        if not part:
            raise DataError(f"{where}: expected more data, the file is cut off; copy it again")
        view[done : done + len(part)] = part
        done += len(part)


def _skip(file: IO[bytes], count: int) -> None:
    """Pass over bytes: a file jumps, a member has to be decompressed."""
    if isinstance(file, io.FileIO):
        file.seek(count, io.SEEK_CUR)
        return
    while count > 0:
        part = file.read(min(CHUNK_BYTES, count))
        if not part:
            raise EOFError("the member is cut off")
        count -= len(part)
