"""The smallest arena that a file can be loaded into."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

_PLANNED = re.compile(r"Arena allocation (total|head) (\d+) bytes$")


def smallest(fits: Callable[[int], bool], *, most: int, guess: int | None = None) -> int:
    """Return the least number of bytes that fits.

    Args:
        fits: Whether a number of bytes is enough; all larger ones are, then.
        most: A number that is known to fit.
        guess: A number that may well be it.
    """
    low, high = -1, most  # low does not fit, high does
    for tried in () if guess is None else (guess, guess - 1):
        if low < tried < high:
            low, high = (low, tried) if fits(tried) else (tried, high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


def planned(lines: Sequence[str]) -> tuple[int | None, int | None]:
    """Read (bytes in all, bytes for tensors) from what the recording allocator prints."""
    found = {match[1]: int(match[2]) for line in lines if (match := _PLANNED.search(line.rstrip()))}
    return found.get("total"), found.get("head")
