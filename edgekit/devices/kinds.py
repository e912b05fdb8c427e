"""Which kinds of device there are, and where the code behind each is; plugins add to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Nature:
    """What a kind of device is to those who share it out.

    ``exact``: figures are the same whoever else is at work, so that nobody has to be kept away.
    ``timed_here``: this machine's clock is read while it computes, so that nothing else may.
    ``computes_here``: it takes a processor of this machine.
    ``slow``: it runs in software, where one sample may take seconds.
    """

    exact: bool = False
    timed_here: bool = False
    computes_here: bool = True
    slow: bool = False


NATURES: Mapping[str, Nature] = {
    "host": Nature(timed_here=True),
    "browser": Nature(timed_here=True),
    "emulated": Nature(exact=True, slow=True),
    "microcontroller": Nature(exact=True, slow=True),
    "firmware": Nature(exact=True, slow=True),
    "npu": Nature(exact=True),
    "fake": Nature(computes_here=False),
}


def nature(kind: str) -> Nature:
    """Return what a kind is; of a plugin's nothing is known, so it is kept apart from others."""
    return NATURES.get(kind, Nature())


KINDS = Registry(
    kind="kind of device",
    group="edgekit.devices",
    shipped={
        "host": "edgekit.devices.host:HostBackend",
        "emulated": "edgekit.devices.emulated:EmulatedBackend",
        "microcontroller": "edgekit.devices.microcontroller:MicrocontrollerBackend",
        "firmware": "edgekit.devices.firmware:FirmwareBackend",
        "npu": "edgekit.devices.npu:NpuBackend",
        "browser": "edgekit.devices.browser:BrowserBackend",
        "ssh": "edgekit.devices.remote.ssh:SshBackend",
        "adb": "edgekit.devices.remote.adb:AdbBackend",
        "fake": "edgekit.devices.fake:FakeBackend",
    },
)
