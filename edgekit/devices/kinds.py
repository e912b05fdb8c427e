"""Which kinds of device there are, and where the code behind each is; plugins add to them."""

from __future__ import annotations

from edgekit.registry import Registry

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
