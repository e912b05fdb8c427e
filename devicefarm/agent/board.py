"""What the board is, and how it is just now; what the system does not tell is left out.

``root`` stands in for ``/``.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

# Numbers of Arm's own cores in /proc/cpuinfo ("CPU part" where "CPU implementer" is 0x41).
ARM_CORES = {
    "0xc05": "Cortex-A5", "0xc07": "Cortex-A7", "0xc08": "Cortex-A8", "0xc09": "Cortex-A9",
    "0xc0e": "Cortex-A17", "0xc0f": "Cortex-A15", "0xd01": "Cortex-A32", "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35", "0xd05": "Cortex-A55", "0xd07": "Cortex-A57", "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73", "0xd0a": "Cortex-A75", "0xd0b": "Cortex-A76", "0xd0c": "Neoverse-N1",
    "0xd0d": "Cortex-A77", "0xd41": "Cortex-A78", "0xd44": "Cortex-X1", "0xd46": "Cortex-A510",
    "0xd47": "Cortex-A710", "0xd48": "Cortex-X2", "0xd4d": "Cortex-A715", "0xd80": "Cortex-A520",
}  # fmt: skip
CPUS = "sys/devices/system/cpu"


def facts(root: str = "/") -> dict[str, Any]:
    """Return what does not change while a file runs."""
    information = text("/proc/cpuinfo", root)
    features = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", information, re.MULTILINE)
    memory = re.search(r"MemTotal:\s+(\d+) kB", text("/proc/meminfo", root))
    told = {
        "model": model(root),
        "cpu": processor(information),
        "machine": platform.machine(),
        "cores": cores(),
        "features": features[1] if features else "",
        "governor": " ".join(each(root, "scaling_governor")),
        "frequency_min_mhz": megahertz(each(root, "cpuinfo_min_freq")),
        "frequency_max_mhz": megahertz(each(root, "cpuinfo_max_freq")),
        "memory_kib": int(memory[1]) if memory else None,
        "os": system(root),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    return {name: value for name, value in told.items() if value not in (None, "")}


def state(root: str = "/") -> dict[str, Any]:
    """Return what changes: temperatures in degrees C, frequency, throttling, load, memory."""
    available = re.search(r"MemAvailable:\s+(\d+) kB", text("/proc/meminfo", root))
    load = text("/proc/loadavg", root).split()
    told = {
        "temperatures": temperatures(root),
        "frequency_mhz": megahertz(each(root, "scaling_cur_freq")),
        "throttled": throttled(root),
        "load": float(load[0]) if load else None,
        "memory_available_kib": int(available[1]) if available else None,
    }
    return {name: value for name, value in told.items() if value not in (None, "", {})}


def text(path: str, root: str = "/") -> str:
    """Return what a file of the system's says, without what fills up its end; "" if none."""
    try:
        content = Path(root, path.lstrip("/")).read_bytes()
    except OSError:
        return ""
    return content.decode("utf-8", "replace").strip("\0 \n")


def model(root: str) -> str:
    """Return what the board is called by its maker."""
    for path in ("/proc/device-tree/model", "/sys/class/dmi/id/product_name"):
        if found := text(path, root):
            return found
    return output_of("getprop", "ro.product.model")


def processor(information: str) -> str:
    """Name the cores that /proc/cpuinfo tells of, with their numbers where they differ."""
    named = re.findall(r"^model name\s*:\s*(.+)$", information, re.MULTILINE)
    pairs = re.findall(
        r"^CPU implementer\s*:\s*(\S+).*?^CPU part\s*:\s*(\S+)", information, re.MULTILINE | re.S
    )
    if pairs:
        named = [
            ARM_CORES.get(part, f"Arm part {part}")
            if maker == "0x41"
            else f"implementer {maker} part {part}"
            for maker, part in pairs
        ]
    kinds = sorted(set(named))
    if len(kinds) < 2:
        return "".join(kinds) or platform.machine()
    return ", ".join(f"{named.count(kind)}x {kind}" for kind in kinds)


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def each(root: str, name: str) -> list[str]:
    """Return what the cores' frequency drivers say of a name, each answer once."""
    paths = Path(root, CPUS).glob(f"cpu[0-9]*/cpufreq/{name}")
    return sorted({said for path in paths if (said := text(str(path), "/"))})


def megahertz(told: list[str]) -> int | None:
    """Return the largest of several frequencies, which are told in kHz."""
    return max((int(one) for one in told if one.isdigit()), default=0) // 1000 or None


def temperatures(root: str) -> dict[str, float]:
    """Return degrees C by the name of the place; of several places of a name the hottest."""
    found: dict[str, float] = {}
    for zone in sorted(Path(root, "sys/class/thermal").glob("thermal_zone*")):
        said = text(str(zone / "temp"), "/")
        if re.fullmatch(r"-?\d+", said):
            name = text(str(zone / "type"), "/") or zone.name
            found[name] = max(found.get(name, -273.0), int(said) / 1000)
    return found


def throttled(root: str) -> str:
    """Return the Raspberry Pi's word on throttling, such as ``0x50005``; "" on others."""
    said = text("/sys/devices/platform/soc/soc:firmware/get_throttled", root)
    if said:
        return "0x" + said
    return output_of("vcgencmd", "get_throttled").partition("=")[2]


def system(root: str) -> str:
    """Return the name of the distribution."""
    release = text("/etc/os-release", root)
    named = re.search(r'^PRETTY_NAME="?([^"\n]+)', release, re.MULTILINE)
    return named[1] if named else ""


def output_of(*command: str) -> str:
    """Return what a program of the board says; nothing where it is not there, or fails."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""
