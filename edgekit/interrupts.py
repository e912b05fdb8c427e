"""Ctrl-C: noticed where libraries swallow it, put off where system calls belong together."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Self

_interrupted = threading.Event()


def refuse_interrupted() -> None:
    """Raise the ``KeyboardInterrupt`` that a library has swallowed, if there was one.

    Native code that calls Python (TensorFlow's does) now and then drops the exception, or turns it
    into another one, and goes on with half a result: nothing may be kept before this was asked.
    """
    if _interrupted.is_set():
        raise KeyboardInterrupt


@contextlib.contextmanager
def noticing_interrupts() -> Iterator[None]:
    """Remember Ctrl-C while it lasts; whatever the body ends in then is a ``KeyboardInterrupt``."""
    if not _in_main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # nested, or the program handles it in its own way
        return
    _interrupted.clear()
    signal.signal(signal.SIGINT, _notice)
    try:
        yield
        refuse_interrupted()
    except Exception as error:
        if _interrupted.is_set():
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _interrupted.clear()


class Uninterrupted:
    """Puts Ctrl-C off while it lasts: for what must be done whole, and takes a moment only."""

    def __init__(self) -> None:
        self._handler: Callable[[int, FrameType | None], object] | None = None
        self._late = self._over = False

    def __enter__(self) -> Self:
        """Begin; where no exception comes from Ctrl-C, in other threads too, nothing changes."""
        self._put_off()
        return self

    def __exit__(self, *raised: object) -> None:
        """Deliver what has come meanwhile."""
        self._over = True  # a body that is closed later, with its frame, changes nothing
        self._deliver()

    @contextlib.contextmanager
    def lifted(self) -> Iterator[None]:
        """Let Ctrl-C through while it lasts."""
        self._deliver()
        try:
            yield
        finally:
            self._put_off()

    def _put_off(self) -> None:
        handler = signal.getsignal(signal.SIGINT)
        if _in_main_thread() and callable(handler) and not self._over:
            self._handler = handler
            signal.signal(signal.SIGINT, self._remember)

    def _deliver(self) -> None:
        handler, self._handler = self._handler, None
        if _in_main_thread() and handler is not None:
            signal.signal(signal.SIGINT, handler)
            if self._late:
                self._late = False
                handler(signal.SIGINT, None)

    def _remember(self, number: int, frame: object) -> None:
        self._late = True


@contextlib.contextmanager
def ending_with(last: Callable[[], None]) -> Iterator[None]:
    """Do something at the end, whatever happened, and at whatever moment Ctrl-C comes."""
    with Uninterrupted() as shield:
        try:
            with shield.lifted():
                yield
        finally:
            last()


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _notice(number: int, frame: object) -> None:
    _interrupted.set()
    raise KeyboardInterrupt
