"""The emulator."""

from __future__ import annotations

from pathlib import Path

from edgekit.devices.declaration import Cpu
from edgekit.devices.provision.apt import Bundle

QEMU = Bundle(
    name="qemu-user", packages=("qemu-user",), size_mb=12.3, always="qemu-user.*"
)  # what is here may be the static build, which takes no plugins


def qemu_of(cpu: Cpu) -> Path:
    """Return where the emulator of an architecture lies once it is there."""
    name = "arm" if cpu.architecture == "armv7" else cpu.architecture
    return QEMU.root / f"usr/bin/qemu-{name}"
