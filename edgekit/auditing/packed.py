"""How large a file is once something compresses it: a download, an update, an archive."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path

LEVEL = 6
"""That of gzip, unless told otherwise."""

_MOST_BYTES = 512 * 2**20
_CHUNK_BYTES = 2**20


def gzip_bytes(files: Iterable[Path]) -> int | None:
    """Return the bytes that gzip makes of files together; None for more than 512 MiB.

    That of one stream after the other, without its 18 bytes of frame.
    """
    there = [file for file in files if file.is_file()]
    if sum(file.stat().st_size for file in there) > _MOST_BYTES:
        return None
    packer, size = zlib.compressobj(LEVEL), 0
    for file in there:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                size += len(packer.compress(chunk))
    return size + len(packer.flush())
