"""What this machine's processor can do that matters to quantized models."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
# our name -> the flags of /proc/cpuinfo that mean it, on x86 and on Arm
_FEATURES = {
    "avx2": {"avx2"},
    "avx512": {"avx512f"},
    "vnni": {"avx512_vnni", "avx_vnni"},
    "amx-int8": {"amx_int8"},
    "bf16": {"avx512_bf16", "amx_bf16", "bf16"},
    "neon": {"asimd", "neon"},
    "dotprod": {"asimddp"},
    "i8mm": {"i8mm"},
    "fp16": {"fphp", "asimdhp", "avx512_fp16"},
}


@dataclass(frozen=True, kw_only=True)
class Cpu:
    """The processor: its model, cores that this process may use, and features.

    ``integer_dot`` says whether int8 kernels accumulate exactly (VNNI, Arm dot product): without
    it, x86 kernels may saturate on 8-bit weights. None where the system does not tell.
    """

    model: str
    cores: int
    features: tuple[str, ...]
    integer_dot: bool | None


def cpu_facts(text: str | None = None) -> Cpu:
    """Return facts of this machine's processor; ``text`` stands in for /proc/cpuinfo."""
    facts = _parse(_read() if text is None else text)
    flags = set(f"{facts.get('flags', '')} {facts.get('Features', '')}".split())
    features = tuple(name for name, any_of in _FEATURES.items() if flags & any_of)
    exact = bool({"vnni", "amx-int8", "dotprod"} & set(features)) if flags else None
    return Cpu(
        model=facts.get("model name") or platform.processor() or platform.machine(),
        cores=_cores(),
        features=features,
        integer_dot=exact,
    )


def _read() -> str:
    try:
        return _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _parse(text: str) -> dict[str, str]:
    """Return the facts of the first processor."""
    facts: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            facts.setdefault(name.strip(), value.strip())
    return facts


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
