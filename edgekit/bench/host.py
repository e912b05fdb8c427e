"""Facts of this host without which a latency means nothing."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# What the host's own list calls a feature -> what it is called here, where it matters to kernels.
_FEATURES = {
    "avx2": "avx2", "avx512f": "avx512", "avx_vnni": "vnni", "avx512_vnni": "vnni",
    "amx_int8": "amx-int8", "amx_bf16": "amx-bf16", "avx512_bf16": "avx512-bf16",
    "asimd": "neon", "neon": "neon", "asimddp": "dotprod", "i8mm": "i8mm", "sve": "sve",
    "FEAT_DotProd": "dotprod", "FEAT_I8MM": "i8mm", "AdvSIMD": "neon",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class HostFacts:
    """Where a measurement was taken.

    ``cores`` are those that this process may use. ``features`` are what the CPU offers to kernels
    (``vnni``: 8-bit dot products on x86, ``dotprod`` on Arm). Loads are one-minute averages;
    None where the system does not tell. ``versions`` are those of the runtimes.
    """

    cpu: str
    machine: str
    cores: int
    features: tuple[str, ...]
    governor: str | None
    load_before: float | None
    load_after: float | None
    os: str
    python: str
    versions: Mapping[str, str]

    def differences(self, other: HostFacts) -> tuple[str, ...]:
        """Name the facts that keep two measurements from being compared."""
        keys = ("cpu", "machine", "cores", "features", "governor")
        return tuple(key for key in keys if getattr(self, key) != getattr(other, key))


def host_facts(
    versions: Mapping[str, str], *, load_before: float | None, load_after: float | None
) -> HostFacts:
    """Gather the facts of this host."""
    information = _read("/proc/cpuinfo")
    return HostFacts(
        cpu=_cpu(information),
        machine=platform.machine(),
        cores=_cores(),
        features=features_of(information) or features_of(_sysctl("hw.optional.arm")),
        governor=_read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip() or None,
        load_before=load_before,
        load_after=load_after,
        os=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        versions=dict(versions),
    )


def features_of(text: str) -> tuple[str, ...]:
    """Return the known CPU features in a text such as ``/proc/cpuinfo``, sorted."""
    words = set(re.findall(r"[A-Za-z0-9_]+", text))
    return tuple(sorted({name for word, name in _FEATURES.items() if word in words}))


def load_average() -> float | None:
    """Return the one-minute load average; None where the system has none."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None


def peak_memory_mib() -> float:
    """Return the most memory that this process has held since its program started.

    Linux's VmHWM, not ru_maxrss: the latter starts at the peak of the process that launched this
    one (seen with a large parent), so that a small child would report its parent's memory.
    """
    if found := re.search(r"VmHWM:\s+(\d+) kB", _read("/proc/self/status")):
        return int(found[1]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if platform.system() == "Darwin" else 1024)


def _cpu(information: str) -> str:
    for key in ("model name", "Model", "Hardware"):
        if found := re.search(rf"^{key}\s*:\s*(.+)$", information, re.MULTILINE):
            return found[1].strip()
    return _sysctl("machdep.cpu.brand_string") or platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _sysctl(name: str) -> str:
    """Return what macOS says of a name; of a group, the names of what is on."""
    if platform.system() != "Darwin":
        return ""
    done = subprocess.run(
        ["/usr/sbin/sysctl", name], capture_output=True, text=True, check=False, timeout=10
    )
    lines = [line.partition(": ") for line in done.stdout.splitlines()]
    if len(lines) == 1:
        return lines[0][2]
    return "\n".join(key.rpartition(".")[2] for key, _, value in lines if value != "0")


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
