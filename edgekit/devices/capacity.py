"""Whether what a file needs is there."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.devices.declaration import Device, all_devices


def block_kib(device: Device) -> int:
    """Return how much RAM one piece can have, in KiB; 0 if there is no limit."""
    return device.memory.block_kib or device.memory.ram_kib


def shortages(device: Device, *, ram_kib: float, flash_kib: float) -> list[str]:
    """Say what a device has too little of; nothing where its declaration sets no limit.

    Args:
        device: The device.
        ram_kib: Needed in one piece.
        flash_kib: Needed for model and interpreter.
    """
    said = []
    block, flash = block_kib(device), device.memory.flash_kib
    if block and ram_kib > block:
        whole = device.memory.ram_kib
        rest = f" in one piece (of {whole} KiB)" if whole > block else ""
        said.append(f"needs {ram_kib:.1f} KiB of RAM, {device.name} has {block} KiB{rest}")
    if flash and flash_kib > flash:
        said.append(f"needs {flash_kib:.1f} KiB of flash, {device.name} has {flash} KiB")
    return said


def others_with_room(device: Device, *, ram_kib: float, flash_kib: float) -> Sequence[str]:
    """Return the names of the other shipped devices of its kind whose limits would be kept."""
    return [
        other.name
        for other in all_devices()
        if other.kind == device.kind
        and other.name != device.name
        and block_kib(other)
        and other.memory.flash_kib
        and not shortages(other, ram_kib=ram_kib, flash_kib=flash_kib)
    ]
