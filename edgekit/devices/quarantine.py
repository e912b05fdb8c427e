"""Devices that failed again and again: no farm gives them work until they are released."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from filelock import FileLock

from edgekit.devices.declaration import Device
from edgekit.devices.lease import device_key, identity, state_folder
from edgekit.errors import DeviceError
from edgekit.files import write_atomically


@dataclass(frozen=True, kw_only=True)
class Quarantine:
    """Why a device is kept apart, and since when, in seconds since 1970.

    ``declaration`` names the TOML that it had then: a changed one has not failed yet.
    """

    device: str
    why: str
    since_s: float
    declaration: str = ""


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
    found = quarantined().get(identity(device))
    return found if found is not None and found.declaration == device_key(device) else None


def put(device: Device, why: str) -> None:
    """Keep a device apart from now on."""
    with _changing() as kept:
        kept[identity(device)] = Quarantine(
            device=device.name, why=why, since_s=time.time(), declaration=device_key(device)
        )


def release(name: str) -> bool:
    """Give the devices of a name work again; False if none was kept apart."""
    with _changing() as kept:
        found = [key for key, one in kept.items() if one.device == name]
        for key in found:
            del kept[key]
    return bool(found)


@contextlib.contextmanager
def _changing() -> Iterator[dict[str, Quarantine]]:
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        kept = dict(quarantined())
        yield kept
        write_atomically(path, msgspec.json.format(msgspec.json.encode(kept), indent=2))


def _path() -> Path:
    return state_folder() / "quarantine.json"
