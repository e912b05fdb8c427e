"""Keeps other processes out of what is timed, as far as a process can.

Where one processor is named, what is measured stays on it: files that take turns there meet the
same neighbours, and no inference is moved in the middle. An inference during which the scheduler
gave the processor to another process says how busy the machine is, not how fast the file is; it is
taken again. Where the system tells neither (Windows), both do nothing.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
from collections.abc import Callable, Collection, Iterator

_TRIES = 4  # for one sample; an inference longer than a time slice may never be left alone


@contextlib.contextmanager
def staying_on(processors: Collection[int]) -> Iterator[Callable[[], None]]:
    """Run on these processors only, until what is given is called, or on leaving.

    On none named, and where they are no longer ours, wherever the system likes.
    """
    if not processors or sys.platform != "linux":
        yield lambda: None
        return
    ours = os.sched_getaffinity(0)

    def leave() -> None:
        os.sched_setaffinity(0, ours)

    with contextlib.suppress(OSError):  # taken from us since: measure all the same
        os.sched_setaffinity(0, processors)
    try:
        yield leave
    finally:
        leave()


def some_processors(count: int, rng: random.Random) -> tuple[int, ...]:
    """Return so many processors that this process may use, none if it has not that many."""
    if sys.platform != "linux":
        return ()
    ours = sorted(os.sched_getaffinity(0))
    return tuple(sorted(rng.sample(ours, count))) if count <= len(ours) else ()


def uninterrupted(take: Callable[[], float]) -> float:
    """Return the first of up to four samples that no other process interrupted; else the last."""
    for _ in range(_TRIES):
        before = _interruptions()
        sample = take()
        if _interruptions() == before:
            break
    return sample


def _interruptions() -> int:
    """Return how often the scheduler took a processor away from this process."""
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
