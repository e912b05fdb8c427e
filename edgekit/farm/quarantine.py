"""Devices that failed again and again: no farm gives them work until they are released."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from filelock import FileLock

from edgekit.devices.declaration import Device
from edgekit.errors import DeviceError
from edgekit.farm.lease import identity, state_folder
from edgekit.files import write_atomically


@dataclass(frozen=True, kw_only=True)
class Quarantine:
    """Why a device is kept apart, and since when, in seconds since 1970."""

    device: str
    why: str
    since_s: float


def quarantined() -> Mapping[str, Quarantine]:
    """Return every quarantine, by the identity of its device.

    Raises:
        DeviceError: the file that keeps them was changed by hand into something else.
    """
    path = _path()
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Quarantine])
    except FileNotFoundError:
        return {}
    except (msgspec.DecodeError, OSError) as error:
        raise DeviceError(f"{path}: not a file of quarantines; remove it: {error}") from error


def quarantine_of(device: Device) -> Quarantine | None:
    """Return a device's quarantine, or None."""
    return quarantined().get(identity(device))


def put(device: Device, why: str) -> None:
    """Keep a device apart from now on."""
    _change(device, Quarantine(device=device.name, why=why, since_s=time.time()))


def release(device: Device) -> bool:
    """Give a device work again; False if it was not kept apart."""
    return _change(device, None)


def _change(device: Device, new: Quarantine | None) -> bool:
    path, name = _path(), identity(device)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        kept = dict(quarantined())
        was = kept.pop(name, None)
        if new is not None:
            kept[name] = new
        write_atomically(path, msgspec.json.format(msgspec.json.encode(kept), indent=2))
    return was is not None


def _path() -> Path:
    return state_folder() / "quarantine.json"
