"""One measurement at a time on a device that there is only once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs
from filelock import FileLock, ReadWriteLock, Timeout

from edgekit import cache
from edgekit.devices.declaration import Device
from edgekit.devices.kinds import nature
from edgekit.errors import DeviceBusy, DeviceError, one_line

_WHERE = "EDGEKIT_STATE"
_POLL_S = 0.002  # short: a farm that works on a device lets go of it for a moment only


def state_folder() -> Path:
    """Return where leases and quarantines are kept: ``EDGEKIT_STATE``, or one of the user's."""
    chosen = os.environ.get(_WHERE)
    return Path(chosen) if chosen else Path(platformdirs.user_state_dir("edgekit"))


def identity(device: Device) -> str:
    """Return what tells one thing that measures from another, whatever a TOML file calls it."""
    address = device.address
    if nature(device.kind).timed_here:
        return "host"
    if device.kind == "ssh" and address is not None:
        return f"ssh {address.host.lower()} {address.port or 22}"
    if device.kind == "adb" and address is not None:
        return f"adb {address.serial}"
    return f"{device.kind} {device.name}"


def device_key(device: Device) -> str:
    """Return what names a device's declaration, by all that it says."""
    return cache.key("device", device=device)


@contextlib.contextmanager
def leased(
    device: Device, *, wait_s: float = 0.0, told: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Have a device for oneself, and quiet on this machine, among the processes of its user.

    Devices whose figures are exact (emulated, microcontroller, npu) are not held: any number of
    processes may ask them at once. Where this machine's clock is read, nothing of these runs on it
    meanwhile, in whatever process. A lease ends with its process, however that ends.

    Args:
        device: What is to be measured on.
        wait_s: How long others may take to end, in all.
        told: Hears what it waits for, if it has to.

    Raises:
        DeviceBusy: others did not end within ``wait_s`` seconds.
        DeviceError: the folder of leases cannot be written.
    """
    kind, end = nature(device.kind), time.monotonic() + wait_s
    with contextlib.ExitStack() as stack:
        if not kind.exact:
            stack.enter_context(_alone(device, wait_s, told))
        if kind.timed_here or (kind.exact and kind.computes_here):
            left_s = max(0.0, end - time.monotonic())
            stack.enter_context(_quiet(device, left_s, told))
        yield


@contextlib.contextmanager
def _alone(device: Device, wait_s: float, told: Callable[[str], None] | None) -> Iterator[None]:
    """Keep others from a device."""
    path = _path(identity(device))
    lock = FileLock(path)
    with _writable(path):
        _acquired(
            lambda s: lock.acquire(timeout=s, poll_interval=_POLL_S), wait_s, told,
            lambda: f"{device.name}: in use by {holder(device)}",
        )  # fmt: skip
    try:
        path.with_suffix(".holder").write_text(
            f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8"
        )
        yield
    finally:
        path.with_suffix(".holder").unlink(missing_ok=True)
        lock.release()


@contextlib.contextmanager
def _quiet(device: Device, wait_s: float, told: Callable[[str], None] | None) -> Iterator[None]:
    """Keep this machine's other measurements from a timed one: it is alone, these share it.

    One that waits to be alone goes before all that come after it.
    """
    path = _path("machine").with_suffix(".db")
    timed = nature(device.kind).timed_here
    why = "others measure on this machine, which would disturb" if timed else (
        "this machine is timed, which it would disturb"
    )  # fmt: skip
    with _writable(path):
        lock = ReadWriteLock(path, is_singleton=False)
    with contextlib.closing(lock):
        acquire = lock.acquire_write if timed else lock.acquire_read
        with _writable(path):
            _acquired(lambda s: acquire(timeout=s), wait_s, told, lambda: f"{device.name}: {why}")
        try:
            yield
        finally:
            lock.release()


def _acquired(
    acquire: Callable[[float], object], wait_s: float, told: Callable[[str], None] | None,
    why: Callable[[], str],
) -> None:  # fmt: skip
    """Acquire at once, or say why not, and wait."""
    with contextlib.suppress(Timeout):
        acquire(0.0)
        return
    said = why()
    if told is not None and wait_s:
        told(f"waiting: {said}")
    try:
        acquire(wait_s)
    except Timeout as error:
        raise DeviceBusy(f"{said}; try again later") from error


@contextlib.contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except (OSError, sqlite3.Error, ValueError) as error:
        if isinstance(error, Timeout):
            raise
        raise DeviceError(
            f"{path}: a lease cannot be written ({one_line(error)}); name another folder in"
            f" {_WHERE}"
        ) from error


def holder(device: Device) -> str:
    """Return who measures on a device now; empty if nobody does."""
    path = _path(identity(device))
    try:
        who = path.with_suffix(".holder").read_text(encoding="utf-8")
        with FileLock(path, blocking=False):
            return ""  # who held it was killed
    except Timeout:
        return who
    except OSError:
        return ""


def _path(what: str) -> Path:
    digest = hashlib.sha256(what.encode()).hexdigest()[:20]
    return state_folder() / "leases" / f"{digest}.lock"
