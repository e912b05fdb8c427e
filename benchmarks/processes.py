"""Runs whole processes, and says how long they took and how much memory they held."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_S = 3600.0
_EVERY_S = 0.02


class ProcessFailed(Exception):
    """A measured process did not end well; the text says with what."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Wall and CPU seconds of a process with its children, and their peak resident sets, summed."""

    seconds: float
    peak_mib: float
    cpu_seconds: float = 0.0


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end, its output thrown away.

    Raises:
        ProcessFailed: it ended with another code than 0, or took longer than an hour.
    """
    with tempfile.TemporaryFile() as printed:
        began, before = time.perf_counter(), _cpu_seconds()
        child = subprocess.Popen(
            command, cwd=ROOT, env={**environment(), **(env or {})}, stdout=printed, stderr=printed
        )
        peaks = [0.0]
        watcher = threading.Thread(target=_watch, args=(child.pid, peaks), daemon=True)
        watcher.start()
        try:
            code = child.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
        seconds = time.perf_counter() - began
        watcher.join()
        if code:
            printed.seek(0)
            text = printed.read().decode(errors="replace")
            raise ProcessFailed(f"{' '.join(command)[:200]}: ended with {code}: {last_error(text)}")
    return Cost(seconds=seconds, peak_mib=peaks[0] / 2**20, cpu_seconds=_cpu_seconds() - before)


def environment() -> dict[str, str]:
    """Return what measured processes inherit: this checkout first, frameworks kept quiet.

    They may keep bytecode, as a user's do: without it a framework's import is mostly compilation.
    """
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "NNCF_CI": "1"}
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**own, **quiet, "PYTHONPATH": os.pathsep.join(paths)}


def edgekit(*arguments: str) -> list[str]:
    """Return the command line of edgekit: the installed command where there is one."""
    script = Path(sys.executable).with_name("edgekit")
    start = [str(script)] if script.is_file() else [sys.executable, "-m", "edgekit"]
    return [*start, *arguments]


def peer(name: str, model: Path, data: Path, out: Path) -> list[str]:
    """Return the command line of a peer's script."""
    return [sys.executable, "-m", f"benchmarks.peers.{name}", str(model), str(data), str(out)]


def middle(costs: Sequence[Cost]) -> Cost:
    """Return the medians of several runs."""
    return Cost(
        seconds=median(cost.seconds for cost in costs),
        peak_mib=median(cost.peak_mib for cost in costs),
        cpu_seconds=median(cost.cpu_seconds for cost in costs),
    )


def spread(costs: Sequence[Cost]) -> str:
    """Say between what the seconds lay, and what the processors did."""
    seconds = [cost.seconds for cost in costs]
    cpu = middle(costs).cpu_seconds
    return f"{min(seconds):.2f} to {max(seconds):.2f} s in {len(seconds)} runs, CPU {cpu:.2f} s"


def last_error(printed: str) -> str:
    """Return the last line that names an exception or an error, or the end of what was printed."""
    lines = [line for line in printed.splitlines() if "Error" in line.split(":")[0]]
    return (lines[-1] if lines else " ".join(printed.split())[-300:])[:300].strip()


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _watch(pid: int, peaks: list[float]) -> None:
    try:
        root = psutil.Process(pid)
        while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
            peaks[0] = max(peaks[0], _resident(root))
            time.sleep(_EVERY_S)
    except psutil.NoSuchProcess:
        return


def _resident(root: psutil.Process) -> float:
    total = 0
    for process in (root, *root.children(recursive=True)):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return float(total)
