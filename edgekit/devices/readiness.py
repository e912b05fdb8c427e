"""Whether a device is ready for files: each format may need another of its runtimes."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edgekit.devices.backend import Backend, State, backend_of
from edgekit.devices.declaration import Device
from edgekit.devices.runtime_choice import for_format, install_command


@dataclass(frozen=True, kw_only=True)
class Seen:
    """How a device stands: ``state`` is ready if it takes at least one of the formats now.

    ``lacking`` maps each format that it does not take now to why, and to what brings it.
    """

    state: State
    lacking: Mapping[str, str] = field(default_factory=dict)


def see(device: Device, formats: Iterable[str] = (), *, called: str = "") -> Seen:
    """Ask a device whether it can be measured on with files of these formats.

    Args:
        device: Which.
        formats: Of the files; without any, ``lacking`` has an entry "" for all of them.
        called: What a shell is to call the device; its name if empty.
    """
    backend = backend_of(device)
    states: dict[str, State] = {}
    lacking = {}
    for kind in sorted(formats) or [""]:
        chosen = for_format(device, kind)
        name = chosen.runtime.name if chosen.runtime is not None else ""
        if name not in states:  # a board over the network is asked once
            states[name] = backend.state(chosen)
        if states[name].readiness != "ready":
            lacking[kind] = _said(backend, states[name], device, chosen, called)
    best = sorted(states.values(), key=lambda state: state.readiness != "ready")[0]
    return Seen(state=best, lacking=lacking)


def _said(backend: Backend, state: State, device: Device, chosen: Device, called: str) -> str:
    name = called or shlex.quote(device.name)
    installs = state.readiness == "needs install" and backend.needs(chosen)
    do = install_command(device, chosen, name) if installs else (
        f"see `edgekit devices show {name}`"
    )  # fmt: skip
    return f"{state.readiness}: {state.why}; {do}"
