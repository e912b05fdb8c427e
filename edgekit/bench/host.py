"""Facts of this host without which a latency means nothing."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.cpu import cpu_facts, system_text


@dataclass(frozen=True, kw_only=True)
class HostFacts:
    """Where a measurement was taken.

    ``cpu``, ``cores`` and ``features`` are those of ``edgekit.cpu``. Loads are one-minute averages;
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
    cpu = cpu_facts()
    governor = system_text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return HostFacts(
        cpu=cpu.model,
        machine=platform.machine(),
        cores=cpu.cores,
        features=cpu.features,
        governor=governor.strip() or None,
        load_before=load_before,
        load_after=load_after,
        os=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        versions=dict(versions),
    )


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
    if found := re.search(r"VmHWM:\s+(\d+) kB", system_text("/proc/self/status")):
        return int(found[1]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if platform.system() == "Darwin" else 1024)
