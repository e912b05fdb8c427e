"""Keeps what libraries print at the C level away from the user's terminal and from JSON."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, TextIO, cast

from edgekit.errors import EdgekitError
from edgekit.interrupts import noticing_interrupts

_FRAMEWORK_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "KERAS_BACKEND": "tensorflow",
    "NNCF_CI": "1",  # sends no telemetry; nothing else in NNCF reads it
    "ORT_DISABLE_TELEMETRY": "1",
}
_TAIL_BYTES = 16_384
_NOTE = "The libraries last printed:"


class Quiet:
    """What stays usable while libraries are muted: the real streams, and what was printed."""

    def __init__(self, out: TextIO, err: TextIO, log: IO[bytes]) -> None:
        self.out = out
        self.err = err
        self._log = log
        self._printed = b""

    def tail(self, lines: int = 20) -> str:
        """Return the last lines that were printed meanwhile; also when it is over."""
        if not self._log.closed:
            _flush()
            size = os.fstat(self._log.fileno()).st_size
            self._printed = os.pread(self._log.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))
        printed = self._printed.decode("utf-8", "replace").splitlines()
        return "\n".join([line.rstrip() for line in printed if line.strip()][-lines:])


def framework_environment() -> None:
    """Set what the frameworks read when they are imported; what the user has set stays."""
    for name, value in _FRAMEWORK_ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def quiet() -> Iterator[Quiet]:
    """Send file descriptors 1 and 2, and Python's own streams, to a log while it lasts.

    Nests, and may be entered by several threads: all get the same ``Quiet``, and the streams are
    as before when the last one has left, also if they were closed, or captured by a test runner
    or a notebook. An unexpected exception carries the log's last lines as a note; an error of
    edgekit's own does not. Ctrl-C is not lost in a library: see ``interrupts``.
    """
    framework_environment()
    with noticing_interrupts():
        current = _enter()
        try:
            yield current
        except Exception as error:
            noted = any(note.startswith(_NOTE) for note in getattr(error, "__notes__", ()))
            if not isinstance(error, EdgekitError) and not noted and (tail := current.tail()):
                error.add_note(f"{_NOTE}\n{tail}")
            raise
        finally:
            _leave()


@dataclass
class _Process:
    """The descriptors belong to the process, and so does this count of who muted them."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    depth: int = 0
    active: Quiet | None = None
    undo: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)


_process = _Process()


def _enter() -> Quiet:
    with _process.lock:
        if _process.active is None:
            with contextlib.ExitStack() as stack:
                _process.active = _redirect(stack)
                _process.undo = stack.pop_all()
        _process.depth += 1
        return _process.active


def _leave() -> None:
    with _process.lock:
        _process.depth -= 1
        if _process.depth == 0 and _process.active is not None:
            _process.active.tail()
            _process.active = None
            _process.undo.close()


def _redirect(stack: contextlib.ExitStack) -> Quiet:
    _plug(stack)
    _flush()
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the stack closes it
    log = cast("IO[bytes]", stack.enter_context(file))
    real = [_redirect_one(stack, name, fd, log) for name, fd in (("stdout", 1), ("stderr", 2))]
    stack.callback(_flush)  # runs first of all: what was printed belongs in the log
    return Quiet(real[0], real[1], log)


def _redirect_one(stack: contextlib.ExitStack, name: str, fd: int, log: IO[bytes]) -> TextIO:
    stream: TextIO | None = getattr(sys, name)
    saved = os.dup(fd)
    stack.callback(os.close, saved)
    os.dup2(log.fileno(), fd)
    stack.callback(os.dup2, saved, fd)
    if stream is not None and _fileno(stream) != fd:  # captured: Python's writes go elsewhere
        muted = _Muted(stream, log)
        setattr(sys, name, muted)
        stack.callback(_restore, name, muted)
        return stream
    encoding, errors = getattr(stream, "encoding", "utf-8"), getattr(stream, "errors", "replace")
    real = os.fdopen(
        os.dup(saved), "w", encoding=encoding, errors=errors, buffering=1, newline=None
    )
    return cast("TextIO", stack.enter_context(real))


def _restore(name: str, muted: _Muted) -> None:
    if getattr(sys, name) is muted:
        setattr(sys, name, muted.original)


def _plug(stack: contextlib.ExitStack) -> None:
    """Open what is closed of 0, 1 and 2, lest a file of ours get such a number."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        stack.callback(os.close, fd)
    os.close(fd)


class _Muted(io.TextIOBase):
    """Takes the place of a captured stream; a library that keeps it writes through later."""

    def __init__(self, original: TextIO, log: IO[bytes]) -> None:
        self.original = original
        self._log = log

    def write(self, text: str) -> int:
        if self._log.closed:
            return self.original.write(text)
        self._log.write(text.encode("utf-8", "replace"))
        return len(text)


def _fileno(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    if os.name == "posix":
        ctypes.CDLL(None).fflush(None)
