"""One measurement at a time on a device that there is only once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from edgekit import cache
from edgekit.devices.declaration import Device
from edgekit.devices.kinds import nature
from edgekit.errors import DeviceBusy, DeviceError

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
def leased(device: Device, *, wait_s: float = 0.0) -> Iterator[None]:
    """Have a device for oneself, among the processes of this machine's user.

    Devices whose figures are exact (emulated, microcontroller, npu) are not held: any number of
    processes may ask them at once. A lease ends with its process, however that ends.

    Raises:
        DeviceBusy: another process has it, and kept it for ``wait_s`` seconds.
        DeviceError: the folder of leases cannot be written.
    """
    if nature(device.kind).exact:
        yield
        return
    path = _path(device)
    lock = FileLock(path, timeout=wait_s)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(poll_interval=_POLL_S)
    except Timeout as error:
        raise DeviceBusy(f"{device.name}: in use by {holder(device)}; try again later") from error
    except OSError as error:
        raise DeviceError(
            f"{path}: a lease cannot be written ({error.strerror}); name another folder in {_WHERE}"
        ) from error
    try:
        path.with_suffix(".holder").write_text(
            f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8"
        )
        yield
    finally:
        path.with_suffix(".holder").unlink(missing_ok=True)
        lock.release()


def holder(device: Device) -> str:
    """Return who measures on a device now; empty if nobody does."""
    path = _path(device)
    try:
        who = path.with_suffix(".holder").read_text(encoding="utf-8")
        with FileLock(path, blocking=False):
            return ""  # who held it was killed
    except Timeout:
        return who
    except OSError:
        return ""


def _path(device: Device) -> Path:
    digest = hashlib.sha256(identity(device).encode()).hexdigest()[:20]
    return state_folder() / "leases" / f"{digest}.lock"
