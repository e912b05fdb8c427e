"""What of the store goes with a device, and what stays because others use it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from edgekit.devices.backend import Stores, backend_of
from edgekit.devices.declaration import Device, all_devices
from edgekit.devices.provision import store
from edgekit.devices.runtime_choice import with_runtimes


@dataclass(frozen=True, kw_only=True)
class Removal:
    """``freed_mb`` maps what goes to its size in MB; ``kept`` what stays to who uses it."""

    freed_mb: Mapping[str, float]
    kept: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def carry_out(self) -> None:
        """Remove what goes.

        Raises:
            DeviceError: something cannot be removed.
        """
        for name in self.freed_mb:
            store.remove(name)


def removal(devices: Sequence[Device], *, shared: bool = False, optional: bool = True) -> Removal:
    """Say what would go with devices; nothing is removed yet.

    What another shipped device needs that is installed stays, unless ``shared``; what a device's
    optional runtimes brought goes with it if ``optional``.
    """
    devices = _with_runtimes(devices) if optional else devices
    wanted = dict.fromkeys(f for device in devices for f in _folders(device) if store.present(f))
    kept: dict[str, dict[str, None]] = {}
    if not shared:
        named = {device.name for device in devices}
        for other in _with_runtimes(all_devices()):
            used = _folders(other)
            if other.name not in named and all(store.present(each) for each in used):
                for each in wanted.keys() & set(used):
                    kept.setdefault(each, {})[other.name] = None
    freed = {name: store.size_mb(name) for name in wanted if name not in kept}
    return Removal(freed_mb=freed, kept={name: list(users) for name, users in kept.items()})


def _with_runtimes(devices: Iterable[Device]) -> list[Device]:
    """Return each device once with each of its runtimes."""
    return [one for device in devices for one in with_runtimes(device, "all")]


def _folders(device: Device) -> Sequence[str]:
    backend = backend_of(device)
    return backend.folders(device) if isinstance(backend, Stores) else ()
