"""Imports Keras and TensorFlow in two thirds of the time that they take by themselves."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from edgekit.extras import without

# Between two looks of the collector, in a process that is ours: 700 is Python's own.
_ALLOCATIONS = 50_000
_ours: list[bool] = []
_LIBRARIES = ("libtensorflow_framework.so.2", "libtensorflow_cc.so.2")


def this_process_is_ours() -> None:
    """Declare that this process runs edgekit and nothing else; the command line does."""
    _ours.append(True)
    gc.set_threshold(_ALLOCATIONS, 10, 10)


@contextlib.contextmanager
def prefetched_tensorflow() -> Iterator[None]:
    """Begin to load TensorFlow's native libraries, while Python imports other things.

    A quarter of the import goes there. Only in a process that is ours, and where the libraries are
    found under the names that they have on Linux; elsewhere nothing happens. The first one prints
    when it is loaded: enter this where that is muted; leaving waits until it has printed.
    """
    said = threading.Event()
    if _ours and sys.platform == "linux" and "tensorflow" not in sys.modules:
        threading.Thread(target=_load_libraries, args=(said,), daemon=True).start()
    else:
        said.set()
    try:
        yield
    finally:
        said.wait()


def _load_libraries(said: threading.Event) -> None:
    try:
        spec = importlib.util.find_spec("tensorflow")
        for folder in (spec and spec.submodule_search_locations) or ():
            for path in (Path(folder) / name for name in _LIBRARIES):
                if path.exists():
                    # The function itself: called so, it does not hold up the other threads.
                    ctypes.CDLL(None).dlopen(os.fsencode(path), os.RTLD_NOW)
                said.set()
    finally:
        said.set()


def leave(code: int) -> NoReturn:
    """End this process now: taking TensorFlow apart takes a quarter of a second, for nothing.

    What was registered with ``atexit`` runs, and the streams are flushed.
    """
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        code = code or 1  # a reader that went away: Python would say so by its exit code too
    os._exit(code)


def leave_if_ours(code: int) -> None:
    """End this process now if it is ours: for where an exception is handled.

    What the exception holds is not freed then. Ctrl-C leaves objects of libraries half made, and
    these complain when they are freed.
    """
    if _ours:
        leave(code)


def import_keras() -> None:
    """Import Keras with its backend, if that has not been done.

    The collector rests meanwhile: an import makes a million objects that stay. In a process that
    is ours what has been imported is also taken out of the collector's sight, and scikit-learn and
    SciPy, which serve wrappers and sparse inputs that no conversion uses, are left out; they can be
    imported afterwards.
    """
    if "keras" in sys.modules:
        return
    with _collector_at_rest(), _without_unused() if _ours else contextlib.nullcontext():
        import keras  # noqa: F401

        if _ours:
            gc.freeze()  # before the collector wakes up, or it would look at everything once


@contextlib.contextmanager
def _without_unused() -> Iterator[None]:
    """Let packages that Keras and TensorFlow import if they can, for nothing here, be missing."""
    with without("sklearn"), without("scipy"):
        yield


@contextlib.contextmanager
def _collector_at_rest() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
