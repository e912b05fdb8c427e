"""The workforce of one machine: a pool of processes."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from edgekit.devices.declaration import Device
from edgekit.devices.readiness import Seen
from edgekit.errors import DeviceError
from edgekit.farm.task import Outcome, Task, look, perform

T = TypeVar("T")
_PR_SET_PDEATHSIG = 1


def prepare() -> None:
    """Start the process that the others are forked from; it imports what they need meanwhile."""
    multiprocessing.set_forkserver_preload(["edgekit.farm.task"])
    forkserver.ensure_running()


class Pool:
    """Processes that are forked from one that has everything imported."""

    def __init__(self, size: int) -> None:
        self.cpus: int | None = os.cpu_count() or 1
        prepare()
        context = multiprocessing.get_context("forkserver")
        self._main = contextlib.ExitStack()
        self._main.enter_context(_NO_MAIN)
        self._pool: Any = ProcessPool(
            max_workers=size,
            context=context,
            initializer=_begin,
            initargs=(dict(os.environ), str(Path.cwd())),
        )

    def perform(self, task: Task) -> Future[Outcome]:
        """See ``Workforce``."""
        return self._begin(perform, task, task.most_s, task.device)

    def look(self, device: Device, formats: frozenset[str], timeout_s: float) -> Future[Seen]:
        """See ``Workforce``."""
        return self._begin(partial(look, formats=formats), device, timeout_s, device)

    def close(self, *, now: bool) -> None:
        """See ``Workforce``."""
        if now:
            self._pool.stop()
        else:
            self._pool.close()
        self._pool.join()
        self._main.close()

    def _begin(
        self, function: Callable[[Any], T], what: object, timeout_s: float, device: Device
    ) -> Future[T]:
        told: Future[T] = Future()
        told.set_running_or_notify_cancel()
        inner = self._pool.schedule(function, args=(what,), timeout=timeout_s)
        inner.add_done_callback(lambda done: _tell(done, told, device, timeout_s))
        return told


def _tell(done: Future[T], told: Future[T], device: Device, timeout_s: float) -> None:
    """Pass a result on; the death of a process in edgekit's words."""
    if done.cancelled():
        told.set_exception(DeviceError(f"{device.name}: the measurement was called off"))
        return
    error = done.exception()
    if error is None:
        told.set_result(done.result())
    elif isinstance(error, TimeoutError):
        told.set_exception(DeviceError(f"{device.name}: no answer within {timeout_s:g} s"))
    elif isinstance(error, ProcessExpired):
        told.set_exception(
            DeviceError(
                f"{device.name}: the process that measured died (exit code {error.exitcode})"
            )
        )
    else:
        told.set_exception(error)


def _begin(environment: dict[str, str], folder: str) -> None:
    """Prepare a process: what it started ends with it, and Ctrl-C is left to its parent.

    The process that it is forked from may be older than what its user has set since.
    """
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if sys.platform == "linux":  # where the process that it is forked from ends, it does
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class _Hidden:
    """Keeps processes from running the user's script again to import what they do not need.

    Farms may run in several threads: the first hides it, the last one brings it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._main: types.ModuleType | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._count += 1
            if self._count == 1:
                self._main = sys.modules["__main__"]
                sys.modules["__main__"] = types.ModuleType("__main__")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0 and self._main is not None:
                sys.modules["__main__"] = self._main


_NO_MAIN = _Hidden()
