"""How large a file is once something compresses it: a download, an update, an archive."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path

LEVEL = 6
"""That of gzip, unless told otherwise."""

_MOST_BYTES = 512 * 2**20
_CHUNK_BYTES = 2**20
_FRAME = 31  # zlib's word for the frame of gzip


def gzip_bytes(files: Iterable[Path]) -> int | None:
    """Return the size of what gzip makes of files, one after the other; None above 512 MiB."""
    there = [file for file in files if file.is_file()]
    if sum(file.stat().st_size for file in there) > _MOST_BYTES:
        return None
    packer, size = zlib.compressobj(LEVEL, zlib.DEFLATED, _FRAME), 0
    for file in there:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                size += len(packer.compress(chunk))
    return size + len(packer.flush())
