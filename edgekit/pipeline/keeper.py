"""Keeps the results of stages, and account of how long each took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from edgekit.cache import Cache, key
from edgekit.pipeline.memory import give_back
from edgekit.progress import Progress
from edgekit.report.model import Stage

_POLL_S = 0.01


class Keeper:
    """A cache, a listener, and the stages that were run or found; all of one conversion.

    Args:
        cache: Where results are kept.
        progress: Who listens.

    ``claims`` is a folder of locks while processes share the work of one conversion: a stage that
    one of them runs, the others wait for.
    """

    def __init__(self, cache: Cache, progress: Progress) -> None:
        self.cache, self.progress = cache, progress
        self.claims: Path | None = None
        self.stages: list[Stage] = []
        self._within: list[float] = []
        self._had: dict[str, Path] = {}

    @property
    def is_shared(self) -> bool:
        """Whether another process shares the work."""
        return self.claims is not None

    def kept(
        self, stage: str, base: Mapping[str, Any], parts: Mapping[str, Any],
        write: Callable[[Path], None], *, name: str, total: int | None = None,
    ) -> Path:  # fmt: skip
        """Return the folder of a stage's result: from the cache, or written now.

        A part that is None cannot be known, so the result is not looked up.

        Args:
            stage: Which; what it depends on is in ``base`` and ``parts``.
            base: What every stage depends on.
            parts: What this one depends on beside.
            write: Fills a folder.
            name: What the stage is called to people.
            total: Of the progress that ``write`` reports.
        """
        began = time.perf_counter()
        entry = self._entry(stage, base, parts)
        if entry in self._had:
            return self._had[entry]
        with self._claimed(entry) as shared:
            found = self.cache.get(entry)
            if found is not None:
                seconds = time.perf_counter() - began
                self.stages.append(Stage(name=name, seconds=seconds, cached=not shared))
            else:
                with self.timed(name, total):
                    found = self.cache.put(entry, write)
        self._had[entry] = found
        return found

    def has(self, stage: str, base: Mapping[str, Any], parts: Mapping[str, Any]) -> bool:
        """Whether a stage's result is kept already."""
        return self.cache.get(self._entry(stage, base, parts)) is not None

    def is_free(self, stage: str, base: Mapping[str, Any], parts: Mapping[str, Any]) -> bool:
        """Whether no other process is at a stage now."""
        if self.claims is None:
            return True
        try:
            with FileLock(self.claims / self._entry(stage, base, parts), blocking=False):
                return True
        except Timeout:
            return False

    def _entry(self, stage: str, base: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
        known = all(part is not None or k == "batch" for k, part in parts.items())
        salt = {} if known else {"run": id(self), "at": time.time_ns()}
        return key(stage, **base, **parts, **salt)

    @contextmanager
    def _claimed(self, entry: str) -> Iterator[bool]:
        """Own a stage while it lasts; gives whether another process has owned it before."""
        if self.claims is None:
            yield False
            return
        shared = (self.claims / entry).exists()
        with FileLock(self.claims / entry, poll_interval=_POLL_S):
            yield shared

    @contextmanager
    def timed(self, name: str, total: int | None = None) -> Iterator[Progress]:
        """Open a stage, and note how long it took, less the stages within it."""
        began = time.perf_counter()
        self._within.append(0.0)
        try:
            with self.progress.stage(name, total):
                yield self.progress
        finally:
            whole, inner = time.perf_counter() - began, self._within.pop()
            if self._within:
                self._within[-1] += whole
            give_back()
        self.stages.append(Stage(name=name, seconds=whole - inner))
