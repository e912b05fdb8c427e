"""How large files are once something compresses them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from edgekit.formats.packed import gzip_size

_MOST_BYTES = 512 * 2**20
_CHUNK_BYTES = 2**20


def gzip_bytes(files: Iterable[Path]) -> int | None:
    """Return the size of what gzip makes of files, one after the other; None above 512 MiB."""
    there = [file for file in files if file.is_file()]
    if sum(file.stat().st_size for file in there) > _MOST_BYTES:
        return None
    return gzip_size(_chunks(there))


def _chunks(files: Iterable[Path]) -> Iterator[bytes]:
    for file in files:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk
