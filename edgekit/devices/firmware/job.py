"""What the process that writes C is asked, and answers."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

C_FILE = "net.c"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a file.

    ``refusal`` says why there is no C. ``fused`` is whether pairs of quantizing operators were
    brought together into integer ones; ``in_float`` names what computes in float although the file
    is quantized, as ``kind (name)``.
    """

    version: str
    refusal: str = ""
    fused: bool = False
    in_float: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Return the answer as JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, text: bytes) -> Answer:
        """Return the answer that ``encode`` wrote."""
        return msgspec.json.decode(text, type=cls)
