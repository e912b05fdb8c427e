"""Waits for what another process or thread does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], object], most_s: float = 120.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + most_s
    while not condition():
        assert time.monotonic() < end, f"waited {most_s:g} s in vain"
        time.sleep(0.02)
