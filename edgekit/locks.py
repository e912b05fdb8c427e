"""Owns a name by the lock of a file, which the system takes back from a process that dies."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from edgekit.interrupts import Uninterrupted


@contextlib.contextmanager
def owned(
    path: Path, *, wait_s: float = 0.0, last: Callable[[], None] | None = None
) -> Iterator[None]:
    """Own a file's lock while it lasts; the file is gone afterwards.

    Ctrl-C leaves neither the file nor what ``last`` removes. ``kill -9`` leaves both, and a lock
    that whoever asks for it next gets at once.

    Args:
        path: The file, made if there is none.
        wait_s: How long another owner is waited for.
        last: What is done before it is let go of, whatever happened.

    Raises:
        filelock.Timeout: somebody else owns it.
        OSError: it cannot be made.
    """
    with Uninterrupted() as shield:
        lock = FileLock(path)
        lock.acquire(timeout=wait_s)
        try:
            with shield.lifted():
                yield
        finally:
            try:
                if last is not None:
                    last()
                path.unlink(missing_ok=True)  # while it is held: nobody can own it
            finally:
                lock.release()


def cleared(path: Path, remove: Callable[[], None]) -> bool:
    """Remove what a dead owner left, and its lock's file; False where the owner lives.

    Raises:
        OSError: the lock cannot be taken.
    """
    try:
        with owned(path, last=remove):
            return True
    except Timeout:
        return False
