"""Finds messages in what a board prints, whatever else it prints; memory stays bounded."""

from __future__ import annotations

import re
from typing import Protocol

from edgekit.devices.remote.protocol import MARK
from edgekit.errors import DeviceError

MOST_BYTES = 256 * 2**20
"""Of one message: what the samples of one conversation can answer is far less."""
MOST_NOISE = 2**20
"""Bytes that a board's login scripts may print before."""
_CHUNK = 2**18
_HEADING = re.compile(re.escape(MARK) + rb"([0-9]{1,12})\r?")


class Reader(Protocol):
    """Where bytes come from; as of ``asyncio.StreamReader``."""

    async def read(self, n: int = -1) -> bytes:
        """Return at least one and at most n bytes; b"" at the end."""


class Frames:
    """Messages of one connection, one after the other."""

    def __init__(self, reader: Reader, *, most_bytes: int = MOST_BYTES) -> None:
        self._reader = reader
        self._most = most_bytes
        self._held = bytearray()

    async def next(self) -> bytes | None:
        """Return the next message, past whatever else is printed; None if there is no more.

        Raises:
            DeviceError: a message is announced that cannot be one, or too much else is printed.
        """
        noise = 0
        while (line := await self._line()) is not None:
            if line.startswith(MARK.rstrip()):
                return await self._content(line)
            noise += len(line) + 1
            if noise > MOST_NOISE:
                break
        if line is None:
            return None
        raise DeviceError(
            f"expected an answer of our agent within {MOST_NOISE // 2**10} KiB, got something else;"
            " look at what login scripts on the board print"
        )

    async def _content(self, heading: bytes) -> bytes | None:
        found = _HEADING.fullmatch(heading)
        if found is None or int(found[1]) > self._most:
            raise DeviceError(
                f"expected a message of at most {self._most // 2**20} MiB from our agent, got the"
                f" heading {heading[:40].decode('ascii', 'replace')!r}; does another program answer"
                " there?"
            )
        return await self._exactly(int(found[1]))

    async def _line(self) -> bytes | None:
        """Return a line without its end; what is longer than may be noise is cut there."""
        while (end := self._held.find(b"\n")) < 0 and len(self._held) <= MOST_NOISE:
            if not await self._more():
                return None
        end = len(self._held) if end < 0 else end
        return self._taken(end + 1)[:end]

    async def _exactly(self, size: int) -> bytes | None:
        while len(self._held) < size:
            if not await self._more():
                return None
        return self._taken(size)

    async def _more(self) -> bool:
        piece = await self._reader.read(_CHUNK)
        self._held += piece
        return bool(piece)

    def _taken(self, size: int) -> bytes:
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken


async def tail(reader: Reader, *, most_bytes: int = 2**16) -> bytes:
    """Read to the end, however much it is, and return the last bytes."""
    held = b""
    while piece := await reader.read(_CHUNK):
        held = (held + piece)[-most_bytes:]
    return held
