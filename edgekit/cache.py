"""Keeps the result of each stage under the digest of what it was made from."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from edgekit.errors import OptionError
from edgekit.files import explained, scratch
from edgekit.holds import Holds
from edgekit.interrupts import Uninterrupted, refuse_interrupted
from edgekit.version import VERSION

LIMIT_GIB = 5.0
_RECORD = "entry.json"
_CONTENT = "content"
_LAYOUT = "v1"
_KEY = re.compile(r"[a-z0-9-]+-[0-9a-f]{64}")
_IN_USE_S = 600.0  # an entry used so recently may still be being read
_ABANDONED_S = 86_400.0
_UNFINISHED = "unfinished"
_FORGOTTEN_S = 30 * 86_400.0  # training that was killed, and that nobody went on with
_TOOLS = (
    "keras", "tensorflow", "ai-edge-litert", "litert-quantizer", "tf-keras", "openvino", "nncf",
    "onnx", "onnxruntime", "tf2onnx", "numpy", "scipy", "h5py", "ml-dtypes",
)  # fmt: skip


def key(stage: str, **parts: object) -> str:
    """Name a stage's result by everything that it depends on.

    The SHA-256 is over the canonical JSON of ``parts`` and over edgekit's own code, so that another
    version of edgekit never finds this one's results. Dataclasses, paths, tuples and sets are
    taken by value.

    Args:
        stage: A kebab-case word, such as ``trace``.
        parts: Digests, options, tool versions.

    Raises:
        TypeError: a part has no canonical JSON.
    """
    text = json.dumps(
        {"code": code_digest(), "stage": stage, "parts": parts},
        sort_keys=True, separators=(",", ":"), default=_canonical,
    )  # fmt: skip
    return f"{stage}-{hashlib.sha256(text.encode()).hexdigest()}"


def _canonical(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"type": type(value).__name__, **_fields(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no canonical JSON and cannot be part of a key")


def _fields(value: Any) -> dict[str, object]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


@functools.cache
def code_digest() -> str:
    """Return the SHA-256 of edgekit's own Python files."""
    root, digest = Path(__file__).parent, hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def tool_versions() -> dict[str, str]:
    """Return the versions of edgekit, Python and every tool that shapes an artifact.

    Read from installed metadata: imports none of them. What is not installed is left out.
    """
    found = {"edgekit": VERSION, "python": platform.python_version()}
    for name in _TOOLS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One result that is kept. Times are seconds since 1970."""

    key: str
    stage: str
    size_bytes: int
    used_s: float


@dataclass(frozen=True)
class Cache:
    """A folder of results, each written whole, checked when taken, oldest dropped first.

    ``limit_bytes`` None is no limit. ``note`` says why this is not the folder that was asked for.
    Processes may share it.
    """

    root: Path
    limit_bytes: int | None = None
    note: str = ""

    @functools.cached_property
    def holds(self) -> Holds:
        """What was put and taken here, which no process drops before this one lets go."""
        return Holds(self.root / "in-use")

    def get(self, key: str) -> Path | None:
        """Return the folder kept under a key, to be read only, or None.

        Its files are the ones that were put: a damaged entry is removed, and is a miss.
        """
        place = self._place(key)
        if not place.is_dir():
            return None
        self.holds.add(key)  # before looking at all of it, which may take seconds
        if not _intact(place):
            self._drop(place)
            return None
        with contextlib.suppress(OSError):  # a cache that is only readable still serves
            os.utime(place / _RECORD)
        return place / _CONTENT

    def put(self, key: str, fill: Callable[[Path], None]) -> Path:
        """Keep what ``fill`` writes into the empty folder that it is given; return it.

        If another process has put the same key meanwhile, that one stays. If ``fill`` raises,
        nothing is kept.

        Raises:
            DestinationError: the cache cannot be written, or its disk is full.
        """
        place = self._place(key)
        with explained(self.root):
            place.parent.mkdir(parents=True, exist_ok=True)
            with scratch(self.root / "staging") as folder:
                staging = folder / "entry"
                (staging / _CONTENT).mkdir(parents=True)
                refuse_interrupted()
                fill(staging / _CONTENT)
                refuse_interrupted()
                _record(staging, key)
                kept = self._move(staging, place, key)
        self.holds.add(key)
        self.prune()
        return kept

    @contextlib.contextmanager
    def unfinished(self, key: str) -> Iterator[Path]:
        """Give a folder for long work that outlives its process; it is gone when the work is done.

        Whoever does the work of the same key later finds what was left there. While another
        process has it, a passing folder takes its place.

        Raises:
            DestinationError: the cache cannot be written, or its disk is full.
        """
        folder = self.root / _UNFINISHED / key
        with explained(self.root):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                with Uninterrupted():
                    lock = FileLock(folder.with_name(f"{key}.lock"), blocking=False)
                    lock.acquire()
            except Timeout:
                with scratch(self.root / "staging") as passing:
                    yield passing
                return
            try:
                yield folder
                shutil.rmtree(folder, ignore_errors=True)
                folder.with_name(f"{key}.lock").unlink(missing_ok=True)  # while it is held
            finally:
                lock.release()

    def entries(self) -> list[Entry]:
        """List what is kept, least recently used first."""
        found = []
        for record in self.root.glob(f"{_LAYOUT}/*/*/{_RECORD}"):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                files = json.loads(record.read_bytes())["files"]
                size = sum(int(file["size_bytes"]) for file in files.values())
                stage = record.parent.parent.name
                name = f"{stage}-{record.parent.name}"
                used = record.stat().st_mtime
                found.append(Entry(key=name, stage=stage, size_bytes=size, used_s=used))
        return sorted(found, key=lambda entry: (entry.used_s, entry.key))

    def prune(self, *, older_than_s: float | None = None) -> list[Entry]:
        """Drop entries until the limit is kept, least recently used first; return them.

        Spares what was used in the last ten minutes, what was put or taken here, and what other
        living processes hold. With ``older_than_s``, drops everything that was unused for so long
        and that no other process holds instead, whatever the size.
        """
        entries, now, dropped = self.entries(), time.time(), []
        own = self.holds.own if older_than_s is None else frozenset[str]()
        excess = sum(entry.size_bytes for entry in entries) - (self.limit_bytes or 0)
        for entry in entries:
            idle = now - entry.used_s
            if older_than_s is not None:
                doomed = idle >= older_than_s
            else:
                doomed = self.limit_bytes is not None and excess > 0 and idle > _IN_USE_S
            if doomed and entry.key not in own and not self._is_taken(entry):
                self._drop(self._place(entry.key))
                excess -= entry.size_bytes
                dropped.append(entry)
        self._sweep(now, _FORGOTTEN_S if older_than_s is None else older_than_s)
        return dropped

    def _is_taken(self, entry: Entry) -> bool:
        """Whether another process holds an entry, has just used it, or has dropped it."""
        if entry.key in self.holds.others():
            return True
        try:
            return (self._place(entry.key) / _RECORD).stat().st_mtime > entry.used_s
        except OSError:
            return True

    def _place(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is not a cache key; make it with edgekit.cache.key")
        stage, _, digest = key.rpartition("-")
        return self.root / _LAYOUT / stage / digest

    def _staging(self) -> Path:
        return self.root / "staging" / f"{os.getpid()}-{secrets.token_hex(4)}"

    def _move(self, staging: Path, place: Path, key: str) -> Path:
        for _ in range(2):
            try:
                staging.rename(place)
            except OSError:
                if not place.is_dir():
                    raise
                if (kept := self.get(key)) is not None:
                    return kept
            else:
                break
        return place / _CONTENT

    def _drop(self, place: Path) -> None:
        """Take an entry out of sight in one step, then remove it."""
        doomed = self._staging()
        try:
            doomed.parent.mkdir(parents=True, exist_ok=True)
            place.rename(doomed)
        except OSError:
            return  # another process was faster, or the cache is only readable
        shutil.rmtree(doomed, ignore_errors=True)

    def _sweep(self, now: float, forgotten_s: float) -> None:
        """Remove what killed processes left in staging, and work that nobody took up again."""
        for pattern, idle_s in (("staging/*", _ABANDONED_S), (f"{_UNFINISHED}/*", forgotten_s)):
            for left in self.root.glob(pattern):
                with contextlib.suppress(OSError):
                    if now - left.stat().st_mtime > idle_s and not _is_held(left):
                        shutil.rmtree(left, ignore_errors=True)


def _is_held(folder: Path) -> bool:
    """Whether a process works in a folder of unfinished work."""
    path = folder.with_name(f"{folder.name}.lock")
    if not path.exists():
        return False
    try:
        with Uninterrupted(), FileLock(path, blocking=False):
            return False
    except Timeout:
        return True


def _record(staging: Path, key: str) -> None:
    files = {name: _describe(path) for name, path in _files(staging / _CONTENT)}
    (staging / _RECORD).write_text(json.dumps({"key": key, "files": files}), encoding="utf-8")


def _files(content: Path) -> list[tuple[str, Path]]:
    paths = sorted(path for path in content.rglob("*") if not path.is_dir())
    return [(path.relative_to(content).as_posix(), path) for path in paths]


def _describe(path: Path) -> dict[str, str | int]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": digest, "size_bytes": path.stat().st_size}


def _intact(place: Path) -> bool:
    try:
        files = json.loads((place / _RECORD).read_bytes())["files"]
        found = {name: _describe(path) for name, path in _files(place / _CONTENT)}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(files == found)


@contextlib.contextmanager
def open_cache(*, keep: bool = True) -> Iterator[Cache]:
    """Give the user's cache, or, with ``keep=False``, an empty one that disappears afterwards.

    The user's is in ``$EDGEKIT_CACHE`` or the platform's cache folder, limited to
    ``$EDGEKIT_CACHE_LIMIT_GIB``. Where it cannot be written, a passing one takes its place, and
    its ``note`` says so.

    Raises:
        OptionError: the limit is not a number of at least 0.
    """
    if keep:
        cache = Cache(cache_root(), limit_bytes=_limit_bytes())
        try:
            (cache.root / "staging").mkdir(parents=True, exist_ok=True)
            writable = os.access(cache.root, os.W_OK | os.X_OK)
        except OSError:
            writable = False
        if writable:
            with _letting_go(cache):
                yield cache
            return
    with scratch() as root:
        passing = Cache(root, note=f"{cache_root()} cannot be written" if keep else "")
        with _letting_go(passing):
            yield passing


@contextlib.contextmanager
def _letting_go(cache: Cache) -> Iterator[None]:
    try:
        yield
    finally:
        cache.holds.let_go()


def cache_root() -> Path:
    """Return the folder of the user's cache, which need not exist."""
    if chosen := os.environ.get("EDGEKIT_CACHE"):
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("edgekit")


def _limit_bytes() -> int:
    text = os.environ.get("EDGEKIT_CACHE_LIMIT_GIB", str(LIMIT_GIB))
    try:
        limit = float(text)
    except ValueError:
        limit = -1.0
    if not 0 <= limit < 1e9:
        raise OptionError(f"EDGEKIT_CACHE_LIMIT_GIB: expected GiB as a number from 0, got {text!r}")
    return int(limit * 2**30)
