"""Which entries of a cache living processes may still read."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from filelock import FileLock, Timeout


class Holds:
    """The entries that one user of a cache holds; others see them until it lets go or dies.

    Args:
        root: A folder that all users of the cache share. Each has a list there, and a lock that it
            keeps while it lives.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._keys = root, set[str]()
        self._list = root / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._lock = FileLock(_lock_of(self._list), blocking=False, thread_local=False)

    def add(self, key: str) -> None:
        """Hold an entry; of a cache that is only readable nobody else learns of it."""
        if key in self._keys:
            return
        self._keys.add(key)
        with contextlib.suppress(OSError):
            if not self._lock.is_locked:
                self._root.mkdir(parents=True, exist_ok=True)
                self._lock.acquire()
            with self._list.open("a", encoding="utf-8") as file:
                file.write(f"{key}\n")

    @property
    def own(self) -> frozenset[str]:
        """What this user holds."""
        return frozenset(self._keys)

    def others(self) -> set[str]:
        """Return what every other living user holds; lists of dead ones are removed."""
        found = set[str]()
        for path in self._root.glob("*"):
            if path.suffix or path == self._list:
                continue
            with contextlib.suppress(OSError):
                try:
                    with FileLock(_lock_of(path), blocking=False):
                        _forget(path)
                except Timeout:
                    found.update(path.read_text(encoding="utf-8").split())
        return found

    def let_go(self) -> None:
        """Hold nothing any more."""
        self._keys.clear()
        if self._lock.is_locked:
            _forget(self._list)
            self._lock.release()


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _forget(path: Path) -> None:
    """Remove a list and its lock, which is held."""
    path.unlink(missing_ok=True)
    _lock_of(path).unlink(missing_ok=True)
