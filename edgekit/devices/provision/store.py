"""Where things that were fetched lie: a folder each, which appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import platformdirs
from filelock import FileLock

from edgekit.errors import DeviceError, one_line

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


def alike(prefix: str) -> list[str]:
    """Return the names of all things that are there and begin so."""
    root = store()
    return sorted(p.name for p in root.glob(f"{prefix}*")) if root.is_dir() else []


def size_mb(name: str) -> float:
    """Return what a thing takes on the disk, in MB; 0 if it is not there."""
    files = (path.lstat() for path in place(name).rglob("*"))
    return sum(told.st_size for told in files) / 1e6


def remove(name: str) -> None:
    """Remove a thing, and what is left of a try to make it; nothing if it is not there.

    It goes at once: nobody finds it half removed.

    Raises:
        DeviceError: it cannot be removed.
    """
    if not store().is_dir():
        return
    with FileLock(store() / f".{name}.lock"):
        gone = store() / f".{name}.gone"
        try:
            for path in (gone, store() / f".{name}.unfinished"):
                _drop(path)
            if place(name).exists():
                place(name).rename(gone)
                _drop(gone)
        except OSError as error:
            raise DeviceError(
                f"{place(name)}: expected to remove it, cannot: {one_line(error)};"
                " see to whom it belongs"
            ) from error


def _drop(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


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
