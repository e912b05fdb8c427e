"""Writes files so that a crash, Ctrl-C or a full disk leaves the old ones or the new ones."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, NoReturn

from filelock import Timeout

from edgekit.errors import DestinationError
from edgekit.exchange import exchange
from edgekit.interrupts import Uninterrupted, ending_with
from edgekit.locks import cleared, owned

MARKER = "manifest.json"
"""The file by which a folder is known as one that edgekit made and may replace."""

_SCRATCH = "edgekit-"
_LOCK = ".lock"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextlib.contextmanager
def scratch(ground: Path | None = None) -> Iterator[Path]:
    """Give an empty folder for passing files, for this user only, that is gone afterwards.

    ``kill -9`` leaves it behind; the next one that is made on the same ground removes it. A lock
    that the system gives back with the process tells such a folder from one that is in use.

    Args:
        ground: Where; the system's place for passing files if None.
    """
    place = ground or Path(tempfile.gettempdir())
    place.mkdir(parents=True, exist_ok=True)
    _sweep_scratch(place)
    folder = place / f"{_SCRATCH}{os.getpid()}-{secrets.token_hex(8)}"
    # A sweep may have the new lock for a moment.
    with owned(_lock_of(folder), wait_s=10.0, last=partial(_remove, folder)):
        folder.mkdir(mode=0o700)
        yield folder


@contextlib.contextmanager
def all_scratch() -> Iterator[Path]:
    """Let everything in this process, libraries and child processes too, use one ``scratch``.

    For a process of edgekit's own: passing files that others make meanwhile disappear with it.
    """
    restore = partial(_pass_in, tempfile.tempdir, os.environ.get("TMPDIR"))
    with scratch() as folder, ending_with(restore):
        _pass_in(str(folder), str(folder))
        yield folder


def _pass_in(ours: str | None, theirs: str | None) -> None:
    """Say where this process and others that it starts put passing files."""
    tempfile.tempdir = ours
    os.environ.pop("TMPDIR", None)
    os.environ.update({} if theirs is None else {"TMPDIR": theirs})


def _sweep_scratch(ground: Path) -> None:
    """Remove the folders of processes that are gone: nobody holds their locks."""
    for left in ground.glob(f"{_SCRATCH}*{_LOCK}"):
        with contextlib.suppress(OSError):
            if hasattr(os, "geteuid") and left.lstat().st_uid != os.geteuid():
                continue
            folder = left.with_name(left.name.removesuffix(_LOCK))
            cleared(left, partial(_remove, folder))


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{_LOCK}")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def staged(destination: Path, *, marker: str | None = MARKER) -> Iterator[Path]:
    """Give an empty temporary folder beside ``destination`` that takes its place on success.

    On any failure, Ctrl-C included, the temporary folder disappears and the old content stays.
    ``kill -9`` leaves a hidden folder ``.<name>.edgekit-staging-…``, which the next run removes.
    Nobody else can stage the same destination meanwhile.

    Args:
        destination: The folder to make or replace. A link is followed.
        marker: Content without this file is not edgekit's and is never replaced; ``None`` replaces
            anything.

    Raises:
        DestinationError: it cannot be written, is someone else's, is being written by another
            process, or the disk is full.
    """
    place = check_destination(destination, marker=marker)
    with explained(destination), _made(place.parent), _claimed(place):
        _sweep(place)
        staging = _beside(place, "staging")
        with ending_with(partial(_remove, staging)):
            staging.mkdir()
            yield staging
            for file in staging.rglob("*"):
                _sync(file)
            with Uninterrupted():
                _replace(staging, place)


@contextlib.contextmanager
def writing(path: Path, *, alone: bool = False) -> Iterator[BinaryIO]:
    """Give what a file is written through, whole or not at all.

    The old file stays until the new one is on the disk, and on any failure. ``kill -9`` leaves a
    hidden file ``.<name>.edgekit-staging-…`` beside it.

    Args:
        path: The file. A link is followed.
        alone: Nobody else can write it meanwhile, by a lock of the caller's: what killed runs left
            is removed.

    Raises:
        DestinationError: it cannot be written.
    """
    with explained(path):
        place = Path(os.path.realpath(path))
        place.parent.mkdir(parents=True, exist_ok=True)
        if alone:
            _sweep(place)
        temporary = _beside(place, "staging")
        with ending_with(partial(temporary.unlink, missing_ok=True)):
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(place)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; see ``writing``.

    Raises:
        DestinationError: it cannot be written.
    """
    with writing(path) as file:
        file.write(data)


def check_destination(path: Path, need_bytes: int = 0, *, marker: str | None = MARKER) -> Path:
    """Return the real place of a folder that can be made or replaced there; writes nothing.

    Raises:
        DestinationError: a file is in the way, the place is not writable, holds what edgekit did
            not make, or has less room than ``need_bytes``.
    """
    try:
        with explained(path):
            place = Path(os.path.realpath(path))
            _check(path, place, marker)
            free = shutil.disk_usage(_existing(place)).free
    except ValueError as error:
        raise DestinationError(f"{str(path)!r} cannot be a path: {error}") from error
    if free < need_bytes:
        raise DestinationError(
            f"{path}: needs {_mib(need_bytes)} of disk, has {_mib(free)}; "
            "free some, or choose another folder"
        )
    return place


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what the system refuses for ``path`` into an error that says what to do.

    A full disk is a ``DestinationError`` whichever file met it. Other refusals only where they
    concern ``path``, its temporary or a folder on the way to it: the rest are not about writing.

    Raises:
        DestinationError: see above.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DestinationError(
                f"{path}: no room left on the disk; free some, or choose another folder"
            ) from error
        if not _concerns(error, path):
            raise
        _refuse(path, error)


def _refuse(path: Path, error: OSError) -> NoReturn:
    raise DestinationError(
        f"{path}: cannot be written ({error.strerror}); choose a folder that you may write to"
    ) from error


def _concerns(error: OSError, path: Path) -> bool:
    if not isinstance(error.filename, str | os.PathLike):
        return False
    place = Path(os.path.realpath(path))
    named = Path(os.path.realpath(error.filename))
    way = (named, *named.parents)
    return named in place.parents or place in way or any(_is_ours(part, place) for part in way)


def _is_ours(path: Path, place: Path) -> bool:
    return path.parent == place.parent and path.name.startswith(f".{place.name}.edgekit-")


def _check(path: Path, place: Path, marker: str | None) -> None:
    if place.exists() and not place.is_dir():
        raise DestinationError(f"{path}: expected a folder, found a file; choose another name")
    ground = _existing(place)
    if not ground.is_dir():
        raise DestinationError(f"{path}: {ground} is a file, not a folder; choose another place")
    # The folder is replaced by a rename, which its parent must allow.
    at = place.parent if place.exists() else ground
    if not os.access(at, os.W_OK | os.X_OK):
        raise DestinationError(f"{path}: {at} cannot be written; choose a folder of yours")
    if marker and place.exists() and any(place.iterdir()) and not (place / marker).is_file():
        raise DestinationError(
            f"{path}: holds files that edgekit did not make (no {marker}), and would be "
            "replaced; choose another folder, or empty it"
        )


def _existing(place: Path) -> Path:
    while not place.exists() and place != place.parent:
        place = place.parent
    return place


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder and those above it; those that stay empty go again."""
    new = [part for part in (folder, *folder.parents) if not part.exists()]
    with ending_with(partial(_remove_empty, new)):
        folder.mkdir(parents=True, exist_ok=True)
        yield


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


@contextlib.contextmanager
def _claimed(place: Path) -> Iterator[None]:
    path = place.parent / f".{place.name}.edgekit-lock"
    try:
        with owned(path):
            path.write_text(f"process {os.getpid()}", encoding="utf-8")
            yield
    except Timeout as error:
        if Path(error.lock_file) != path:
            raise
        raise DestinationError(
            f"{place}: {_holder(path)} is writing here; wait for it, or choose another folder"
        ) from error


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip() or "another process"
    except OSError:
        return "another process"


def _sweep(place: Path) -> None:
    """Remove what killed runs left. The lock is held, so nobody owns it any more."""
    for kind in ("replaced", "staging"):
        for left in place.parent.glob(f".{_glob_safe(place.name)}.edgekit-{kind}-*"):
            if kind == "replaced" and not place.exists():
                left.rename(place)  # killed between the two renames: the old content comes back
            elif left.is_dir():
                _remove(left)
            else:
                left.unlink(missing_ok=True)


def _replace(staging: Path, place: Path) -> None:
    if not place.exists():
        staging.rename(place)
    elif not exchange(staging, place):  # afterwards the old content is where staging was
        old = _beside(place, "replaced")
        place.rename(old)
        staging.rename(place)
        _remove(old)


def _beside(place: Path, kind: str) -> Path:
    return place.parent / f".{place.name}.edgekit-{kind}-{os.getpid()}-{secrets.token_hex(4)}"


def _glob_safe(name: str) -> str:
    return "".join(f"[{char}]" if char in "[*?" else char for char in name)


def _sync(file: Path) -> None:
    if file.is_file():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"
