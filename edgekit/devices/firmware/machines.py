"""The boards that qemu-system-arm knows, and what a compiler is told for their processors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.devices.declaration import Cpu, Device
from edgekit.errors import OptionError

_HARD = "-mfloat-abi=hard"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A board of qemu's. Its memory is larger than that of any microcontroller, so that all runs.

    Regions are (address, bytes); vectors lie at address 0. ``flags`` choose the processor.
    """

    name: str
    flags: tuple[str, ...]
    flash: tuple[int, int]
    ram: tuple[int, int]


# cpu.emulator -> the board that has that processor.
MACHINES: Mapping[str, Machine] = {
    "cortex-m3": Machine(
        name="mps2-an385",
        flags=("-mcpu=cortex-m3", "-mfloat-abi=soft"),
        flash=(0x400, (4 << 20) - 0x400),
        ram=(0x2100_0000, 16 << 20),
    ),
    "cortex-m4": Machine(
        name="mps2-an386",
        flags=("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", _HARD),
        flash=(0x400, (4 << 20) - 0x400),
        ram=(0x2100_0000, 16 << 20),
    ),
    "cortex-m7": Machine(
        name="mps2-an500",
        flags=("-mcpu=cortex-m7", "-mfpu=fpv5-d16", _HARD),
        flash=(0x400, (4 << 20) - 0x400),
        ram=(0x6000_0000, 16 << 20),
    ),
    "cortex-m55": Machine(
        name="mps3-an547",
        flags=("-mcpu=cortex-m55", _HARD),
        flash=(0x7000_0000, 16 << 20),
        ram=(0x7100_0000, 32 << 20),
    ),
}


def declared(device: Device) -> tuple[Cpu, Machine]:
    """Return processor and board of a device.

    Raises:
        OptionError: it names no processor that can be emulated, or another runtime.
    """
    cpu, runtime = device.cpu, device.runtime
    if cpu is None or cpu.emulator not in MACHINES:
        raise OptionError(
            f"{device.name}: a device of kind firmware needs cpu.emulator, one of"
            f" {', '.join(MACHINES)}; got {cpu.emulator if cpu and cpu.emulator else 'none'}"
        )
    if runtime is None or runtime.name != "emx-onnx-cgen":
        raise OptionError(
            f"{device.name}: expected runtime emx-onnx-cgen,"
            f" got {runtime.name if runtime else 'none'}"
        )
    return cpu, MACHINES[cpu.emulator]
