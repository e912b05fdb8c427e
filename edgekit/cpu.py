"""What this machine's processor can do that matters to quantized models."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

# What the system's own list calls a feature -> what it is called here, where kernels care.
_FEATURES = {
    "avx2": "avx2", "avx512f": "avx512", "avx_vnni": "vnni", "avx512_vnni": "vnni",
    "amx_int8": "amx-int8", "amx_bf16": "amx-bf16", "avx512_bf16": "avx512-bf16",
    "asimd": "neon", "neon": "neon", "asimddp": "dotprod", "i8mm": "i8mm", "sve": "sve",
    "FEAT_DotProd": "dotprod", "FEAT_I8MM": "i8mm", "AdvSIMD": "neon",
    "bf16": "bf16", "fphp": "fp16", "asimdhp": "fp16", "avx512_fp16": "fp16",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Cpu:
    """The processor: its model, cores that this process may use, and features.

    ``features`` are what it offers to kernels (``vnni``: 8-bit dot products on x86, ``dotprod`` on
    Arm), sorted. ``integer_dot`` says whether int8 kernels accumulate exactly (VNNI, Arm dot
    product): without it, x86 kernels may saturate on 8-bit weights. None where the system does not
    tell.
    """

    model: str
    cores: int
    features: tuple[str, ...]
    integer_dot: bool | None


def cpu_facts(text: str | None = None) -> Cpu:
    """Return facts of this machine's processor; ``text`` stands in for /proc/cpuinfo."""
    information = system_text("/proc/cpuinfo") if text is None else text
    features = features_of(information)
    told = bool(re.search(r"^(flags|Features)\s*:", information, re.MULTILINE))
    if text is None and not told:
        features = features_of(listed := _sysctl("hw.optional.arm"))
        told = bool(listed)
    return Cpu(
        model=_model(information),
        cores=_cores(),
        features=features,
        integer_dot=bool({"vnni", "amx-int8", "dotprod"} & set(features)) if told else None,
    )


def features_of(text: str) -> tuple[str, ...]:
    """Return the known CPU features in a text such as ``/proc/cpuinfo``, sorted."""
    words = set(re.findall(r"[A-Za-z0-9_]+", text))
    return tuple(sorted({name for word, name in _FEATURES.items() if word in words}))


def _model(information: str) -> str:
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


def system_text(path: str) -> str:
    """Return what a file of the system's says; nothing where there is none."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
