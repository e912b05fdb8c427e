"""Where things that were fetched lie: a folder each, which appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import platformdirs
from filelock import FileLock

_WHERE = "EDGEKIT_DEVICES"


def store() -> Path:
    """Return the folder of all that was installed: ``EDGEKIT_DEVICES``, or one in the cache."""
    chosen = os.environ.get(_WHERE)
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("edgekit")) / "devices"


def place(name: str) -> Path:
    """Return where a thing lies once it is there."""
    return store() / name


def present(name: str) -> bool:
    """Whether a thing is there, whole."""
    return place(name).is_dir()


@contextlib.contextmanager
def making(name: str) -> Iterator[Path | None]:
    """Give a folder to fill, which becomes the thing's own on leaving; None if it is there already.

    One process makes a thing, others wait for it. A failure leaves the folder for the next try,
    so that what was fetched need not be fetched again.
    """
    root = store()
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f".{name}.lock"):
        if present(name):
            yield None
            return
        unfinished = root / f".{name}.unfinished"
        unfinished.mkdir(exist_ok=True)
        yield unfinished
        unfinished.rename(place(name))
