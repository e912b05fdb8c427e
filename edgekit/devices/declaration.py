"""Devices as ``devicefarm/*.toml`` declares them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from edgekit import catalog, table
from edgekit.devices.kinds import KINDS
from edgekit.errors import OptionError, UnknownName


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What runs files there: the name of its distribution, and the version that is taken."""

    name: str
    version: str = ""

    def __post_init__(self) -> None:
        """Refuse what could not be a version: it becomes part of a folder's name."""
        if self.version and not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z.+!-]*", self.version):
            raise OptionError(f"runtime.version: expected one such as 2.3.0, got {self.version!r}")


@dataclass(frozen=True, kw_only=True)
class Cpu:
    """A processor.

    ``emulator`` is what qemu calls the model; ``part`` and ``variant`` are what ``/proc/cpuinfo``
    tells of it, by which runtimes choose kernels; ``features`` are in that file's words.
    """

    architecture: Literal["aarch64", "armv7", "x86_64", "armv6m", "armv7m", "armv8m", "xtensa"]
    model: str
    cores: int = 1
    clock_mhz: int = 0
    emulator: str = ""
    part: str = ""
    variant: str = "0x0"
    features: tuple[str, ...] = ()
    l1_data_kib: int = 32
    l1_ways: int = 4
    l2_kib: int = 512
    l2_ways: int = 16
    line_bytes: int = 64

    def __post_init__(self) -> None:
        """Refuse what no processor is."""
        if (
            min(self.cores, self.l1_ways, self.l2_ways) < 1
            or min(self.l1_data_kib, self.l2_kib) < 0
        ):
            raise OptionError(
                "cpu: expected cores and ways of at least 1, caches of at least 0 KiB"
            )
        if self.line_bytes < 8 or self.line_bytes & (self.line_bytes - 1) or self.clock_mhz < 0:
            raise OptionError(
                "cpu: expected line_bytes to be a power of two from 8, and clock_mhz at least 0, "
                f"got {self.line_bytes} and {self.clock_mhz}"
            )


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What there is, in KiB; 0 is not known, or no limit. ``flash_kib`` holds program and model.

    ``block_kib`` is the largest piece of RAM with consecutive addresses, which is what an arena can
    have; all of ``ram_kib`` if it is 0.
    """

    ram_kib: int = 0
    block_kib: int = 0
    flash_kib: int = 0


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """An NPU as its compiler is told: ``config``, and the memory system that it is given."""

    config: str
    system_config: str = ""
    memory_mode: str = ""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """How counts become a modelled latency; see ``docs/devices.md`` for each number's meaning.

    ``cycles`` maps a class of instructions, or ``l1_miss``, ``l2_miss``, to cycles for one.
    ``operator_ms`` is what each operator of the file costs besides: threads wait for each other.
    ``fitted_from`` are the fewest instructions of an inference that the numbers were fitted on.
    ``relative_error`` is half the width of the interval that is stated, as a share; ``borrowed``
    names the device whose published figures the numbers were fitted on, if they are not its own.
    """

    cycles: Mapping[str, float] = field(default_factory=dict)
    operator_ms: float = 0.0
    fitted_from: int = 0
    threads: int = 1
    parallel_share: float = 1.0
    relative_error: float = 0.5
    borrowed: str = ""

    def __post_init__(self) -> None:
        """Refuse what no cost is."""
        if self.threads < 1 or not 0 <= self.parallel_share <= 1:
            raise OptionError(
                "cost: expected threads of at least 1 and parallel_share in [0, 1], got "
                f"{self.threads} and {self.parallel_share:g}"
            )


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a real board is: ``host`` and ``user`` for ssh, ``serial`` for adb.

    ``python`` is the interpreter there: a name, or a path, which may start in the home folder.
    """

    host: str = ""
    port: int = 0
    user: str = ""
    key: str = ""
    known_hosts: str = ""
    serial: str = ""
    python: str = "python3"


@dataclass(frozen=True, kw_only=True)
class Device:
    """One device, and where each of its figures comes from.

    ``kind`` is one of ``edgekit.devices.kinds``, to which plugins add.
    ``optional_runtimes`` run files that ``runtime`` does not take; each is brought on demand.
    ``provenance`` maps a key such as ``cpu.clock_mhz`` to a source in words. ``labels`` group
    devices. ``script`` says what a fake device does.
    """

    name: str
    kind: str
    description: str
    runtime: Runtime | None = None
    optional_runtimes: tuple[Runtime, ...] = ()
    cpu: Cpu | None = None
    memory: Memory = field(default_factory=Memory)
    accelerator: Accelerator | None = None
    cost: Cost | None = None
    address: Address | None = None
    labels: tuple[str, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    script: Mapping[str, Any] = field(default_factory=dict)


def load_device(name_or_path: str) -> Device:
    """Load a shipped device by name, or one of the user's own by the path of its TOML file.

    Raises:
        UnknownName: no shipped device has that name.
        OptionError: the file is missing, or not a valid device; the text names key and choices.
    """
    path = catalog.locate("devicefarm", name_or_path)
    device = table.read(path, Device)
    if device.kind not in KINDS.shipped and device.kind not in (known := KINDS.names()):
        raise OptionError(f"{path}: kind: {UnknownName(KINDS.kind, device.kind, known)}")
    return device


def all_devices() -> list[Device]:
    """Return every shipped device, by name."""
    return [load_device(name) for name in catalog.names("devicefarm")]
