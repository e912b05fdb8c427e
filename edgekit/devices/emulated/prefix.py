"""What a runtime reads about the processor it runs on: ``/proc/cpuinfo`` and ``/sys``.

qemu opens absolute paths below its prefix first. Without files of our own there a runtime would see
this host's processor; with them it chooses the kernels that it would choose on the device. The
status of the process is short: LiteRT's profiler reads it at many events.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgekit.devices.declaration import Cpu

_LEAST_KHZ = 600_000
_REVISION = 4


def make_prefix(folder: Path, cpu: Cpu, system: Mapping[str, Path]) -> None:
    """Write the files that tell of a processor, and show what ``system`` names, by path.

    This host's list of libraries is hidden: its size would shift what lies in memory after it.
    """
    files = (
        _processors(cpu)
        | _system(cpu)
        | {
            "proc/self/status": "Name:\trunner",
            "etc/ld.so.cache": "",
        }
    )
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="ascii")
    furnish(folder, system)


def furnish(folder: Path, shown: Mapping[str, Path]) -> None:
    """Make links to what a program is to see, by path."""
    for name, path in shown.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(path.resolve())


def _processors(cpu: Cpu) -> dict[str, str]:
    describe = _x86 if cpu.architecture == "x86_64" else _arm
    return {"proc/cpuinfo": "\n".join(describe(cpu, core) for core in range(cpu.cores))}


def _lines(fields: Mapping[str, object]) -> str:
    return "".join(f"{name}\t: {value}\n" for name, value in fields.items())


def _arm(cpu: Cpu, core: int) -> str:
    return _lines({
        "processor": core, "BogoMIPS": "38.40", "Features": " ".join(cpu.features),
        "CPU implementer": "0x41", "CPU architecture": 7 if cpu.architecture == "armv7" else 8,
        "CPU variant": cpu.variant, "CPU part": cpu.part, "CPU revision": _REVISION,
    })  # fmt: skip


def _x86(cpu: Cpu, core: int) -> str:
    return _lines({
        "processor": core, "vendor_id": "GenuineIntel", "cpu family": 6, "model name": cpu.model,
        "cpu MHz": f"{cpu.clock_mhz}.000", "cache size": f"{cpu.l2_kib} KB", "physical id": 0,
        "siblings": cpu.cores, "core id": core, "cpu cores": cpu.cores, "apicid": core,
        "initial apicid": core, "fpu": "yes", "flags": " ".join(cpu.features),
        "cache_alignment": cpu.line_bytes,
    })  # fmt: skip


def _system(cpu: Cpu) -> dict[str, str]:
    root = "sys/devices/system/cpu"
    everyone = f"0-{cpu.cores - 1}" if cpu.cores > 1 else "0"
    files = {f"{root}/{name}": everyone for name in ("possible", "present", "online")}
    files[f"{root}/kernel_max"] = "255"
    files["sys/devices/system/node/node0/cpulist"] = everyone
    for core in range(cpu.cores):
        found = _core(cpu, core, everyone)
        files |= {f"{root}/cpu{core}/{name}": text for name, text in found.items()}
    return files


def _core(cpu: Cpu, core: int, everyone: str) -> dict[str, str]:
    files = {
        "cpufreq/cpuinfo_max_freq": str(cpu.clock_mhz * 1000),
        "cpufreq/cpuinfo_min_freq": str(min(_LEAST_KHZ, cpu.clock_mhz * 1000)),
        "topology/physical_package_id": "0",
        "topology/cluster_id": "0",
        "topology/core_id": str(core),
        "topology/cluster_cpus_list": everyone,
        "topology/core_siblings_list": everyone,
        "topology/package_cpus_list": everyone,
        "topology/thread_siblings_list": str(core),
    }
    caches = [
        (1, "Data", cpu.l1_data_kib, str(core)),
        (1, "Instruction", cpu.l1_data_kib, str(core)),
        (2, "Unified", cpu.l2_kib, everyone),
    ]
    for index, (level, kind, kib, shared) in enumerate(caches):
        at = f"cache/index{index}"
        files |= {
            f"{at}/level": str(level), f"{at}/type": kind, f"{at}/size": f"{kib}K",
            f"{at}/coherency_line_size": str(cpu.line_bytes), f"{at}/shared_cpu_list": shared,
        }  # fmt: skip
    return files
