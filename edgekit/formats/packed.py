"""How large bytes are once something compresses them: a download, an update, an archive."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

LEVEL = 6
"""That of gzip, unless told otherwise: every figure is at this one, so that figures compare."""

_FRAME = 31  # zlib's word for the frame of gzip


def gzip_size(parts: Iterable[bytes]) -> int:
    """Return the size in bytes of what gzip makes of parts, one after the other, with its frame."""
    packer, size = zlib.compressobj(LEVEL, zlib.DEFLATED, _FRAME), 0
    for part in parts:
        size += len(packer.compress(part))
    return size + len(packer.flush())
