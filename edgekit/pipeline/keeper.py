"""Keeps the results of stages, and account of how long each took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgekit.cache import Cache, key
from edgekit.progress import Progress
from edgekit.report.model import Stage


class Keeper:
    """A cache, a listener, and the stages that were run or found; all of one conversion.

    Args:
        cache: Where results are kept.
        progress: Who listens.
    """

    def __init__(self, cache: Cache, progress: Progress) -> None:
        self.cache, self.progress = cache, progress
        self.stages: list[Stage] = []
        self._within: list[float] = []
        self._had: dict[str, Path] = {}

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
        known = all(part is not None or k == "batch" for k, part in parts.items())
        salt = {} if known else {"run": id(self), "at": time.time_ns()}
        entry = key(stage, **base, **parts, **salt)
        if entry in self._had:
            return self._had[entry]
        found = self.cache.get(entry)
        if found is not None:
            self.stages.append(Stage(name=name, seconds=time.perf_counter() - began, cached=True))
        else:
            with self.timed(name, total):
                found = self.cache.put(entry, write)
        self._had[entry] = found
        return found

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
        self.stages.append(Stage(name=name, seconds=whole - inner))
