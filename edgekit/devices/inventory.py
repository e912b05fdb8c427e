"""Which devices there are: the shipped ones, and the user's own from folders and files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgekit.devices.declaration import Device, all_devices, load_device
from edgekit.devices.standing import standing
from edgekit.errors import DeviceError, OptionError, UnknownName


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Devices by name. A pool is the devices that bear a label, or several: ``arm64+linux``."""

    devices: Mapping[str, Device] = field(default_factory=dict)

    def device(self, name: str) -> Device:
        """Return a device.

        Raises:
            UnknownName: there is none of that name; the nearest is suggested.
        """
        if name not in self.devices:
            raise UnknownName("device", name, self.devices)
        return self.devices[name]

    def called(self, name: str) -> Device:
        """Return a device by its name, or by the path of its TOML file.

        Raises:
            UnknownName: there is none of that name.
            OptionError: the file is not there, or is no device.
        """
        return load_device(name) if name.endswith(".toml") else self.device(name)

    def pool(self, labels: str) -> list[Device]:
        """Return the devices of a pool, by name.

        Raises:
            UnknownName: no device bears a label.
        """
        wanted = split_labels(labels)
        known = {label for device in self.devices.values() for label in device.labels}
        for label in sorted(wanted - known):
            raise UnknownName("label", label, known)
        found = [device for device in self.devices.values() if bears(device, labels)]
        if not found:
            raise OptionError(f"pool {labels!r}: no device bears all of these labels")
        return sorted(found, key=lambda device: device.name)

    def free(self, labels: str, formats: Iterable[str] = ()) -> Device:
        """Return the first device of a pool that is ready, and that nobody has or keeps apart.

        Ready is one that takes files of all these formats now.

        Raises:
            UnknownName: no device bears a label.
            DeviceError: none is free; the text says why of each.
        """
        why = []
        for device in self.pool(labels):
            if not (hindrance := standing(device, formats).why):
                return device
            why.append(f"{device.name}: {hindrance}")
        raise DeviceError(f"pool {labels!r}: no device is free: {'; '.join(why)}")


def split_labels(pool: str) -> frozenset[str]:
    """Return the labels that a pool is named by."""
    return frozenset(pool.split("+"))


def bears(device: Device, pool: str) -> bool:
    """Whether a device belongs to a pool."""
    return split_labels(pool) <= set(device.labels)


def open_inventory(places: Iterable[str | Path] = ()) -> Inventory:
    """Return the shipped devices and those of the places.

    Args:
        places: TOML files of devices, and folders of them (``*.toml``, not those within).

    Raises:
        OptionError: a place is not there, a file is not a device, or two devices have one name.
    """
    found = {device.name: device for device in all_devices()}
    origin = dict.fromkeys(found, "edgekit's own")
    for place in map(Path, places):
        for path in _files(place):
            device = load_device(str(path))
            if device.name in found:
                raise OptionError(
                    f"{path}: a device {device.name!r} is there already ({origin[device.name]});"
                    " give it another name"
                )
            if device.name.startswith("pool:"):
                raise OptionError(f"{path}: name: pool: is what pools begin with; choose another")
            found[device.name], origin[device.name] = device, str(path)
    return Inventory(devices=found)


def _files(place: Path) -> Sequence[Path]:
    if place.is_dir():
        return sorted(place.glob("*.toml"))
    if place.suffix != ".toml" or not place.is_file():
        raise OptionError(f"{place}: expected a device's TOML file, or a folder of them")
    return [place]
