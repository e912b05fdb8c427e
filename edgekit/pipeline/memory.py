"""Gives memory that a stage has left behind back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys

import psutil

# Of resident memory, from where on it is worth the tenth of a second that it takes.
LARGE_BYTES = 2 << 30


def give_back() -> None:
    """Collect what nothing refers to, and return free memory, if this process holds much.

    Graphs of TensorFlow refer to themselves, and the C library of Linux keeps what is freed: after
    the export of a model of 0.7 GiB that was 5 GiB.
    """
    if psutil.Process().memory_info().rss < LARGE_BYTES:
        return
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:  # other C libraries than glibc have none
        trim(0)
