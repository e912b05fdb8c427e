"""Which entries of a cache living processes may still read."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from functools import partial
from pathlib import Path

from filelock import FileLock

from edgekit.interrupts import Uninterrupted
from edgekit.locks import cleared

_LOCK = ".lock"


class Holds:
    """The entries that one user of a cache holds; others see them until it lets go or dies.

    Args:
        root: A folder that all users of the cache share. Each has a list there, and a lock that it
            keeps while it lives.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._keys, self._listed = root, set[str](), set[str]()
        self._list = root / f"{os.getpid()}-{secrets.token_hex(4)}"
        with Uninterrupted():
            self._lock = FileLock(f"{self._list}{_LOCK}", blocking=False, thread_local=False)
        self._threads = threading.Lock()

    def add(self, key: str) -> None:
        """Hold an entry; of a cache that is only readable nobody else learns of it."""
        with Uninterrupted(), self._threads:
            self._keys.add(key)
            if key not in self._listed:
                with contextlib.suppress(OSError):
                    self._write(key)

    def _write(self, key: str) -> None:
        if not self._lock.is_locked:
            self._root.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        with self._list.open("a", encoding="utf-8") as file:
            file.write(f"{key}\n")
        self._listed.add(key)

    @property
    def own(self) -> frozenset[str]:
        """What this user holds."""
        return frozenset(self._keys)

    def others(self) -> set[str]:
        """Return what every other living user holds; lists of dead ones are removed."""
        found = set[str]()
        for lock in self._root.glob(f"*{_LOCK}"):
            path = lock.with_suffix("")
            if path == self._list:
                continue
            with contextlib.suppress(OSError):
                if not cleared(lock, partial(path.unlink, missing_ok=True)):
                    found.update(path.read_text(encoding="utf-8").split())
        return found

    def let_go(self) -> None:
        """Hold nothing any more."""
        with Uninterrupted(), self._threads:
            self._keys.clear()
            self._listed.clear()
            if self._lock.is_locked:
                with contextlib.suppress(OSError):
                    self._list.unlink(missing_ok=True)
                    Path(self._lock.lock_file).unlink(missing_ok=True)
                self._lock.release(force=True)
