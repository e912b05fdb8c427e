"""Runs a file in the emulator: once for its outputs, once for counts, once for its operators."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgekit.devices.declaration import Cpu
from edgekit.devices.emulated.lines import Counted, Told, read_counts, read_told
from edgekit.devices.emulated.prefix import make_prefix
from edgekit.devices.emulated.tools import LIBRARY, Tools
from edgekit.devices.provision.command import telling
from edgekit.errors import ArtifactError, DeviceError

TIMEOUT_S = 1800.0
_KERNEL = "6.1.0"  # told to the emulated program, whatever runs here
_STACK = "8388608"
# Where the program finds everything, below the prefix: paths lie in its memory, and so have to be
# the same everywhere.
_ROOM = "/edgekit"
# How the runner ends where the runtime does not take the file, and where it has no such runtime.
_REFUSED, _BROKEN = 3, 4

Task = Literal["outputs", "count", "operators"]
_MARKED = {"outputs": 0, "count": 2, "operators": 0}


@dataclass(frozen=True, kw_only=True)
class Feed:
    """``names`` of the inputs, and samples: what all of them store, in that order, as bytes."""

    names: tuple[str, ...]
    samples: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one run gave; ``counted`` is None where nothing was counted."""

    told: Told
    outputs: bytes
    counted: Counted | None


class Run:
    """An emulated process, which begins at once; it is gone when the ``with`` block is left.

    ``outputs`` runs every sample. ``count`` and ``operators`` take the first sample alone, so that
    their counts do not depend on how many there are.
    """

    def __init__(
        self, task: Task, tools: Tools, cpu: Cpu, model: Path, feed: Feed, at: Path
    ) -> None:
        """Start it in the folder ``at``, which is made."""
        self._task, self._model, self._folder = task, model, at
        samples = feed.samples if task == "outputs" else feed.samples[:1]
        at.mkdir()
        make_prefix(at / "prefix", cpu, tools.libraries)
        self._room = at / "prefix" / _ROOM.strip("/")
        self._room.mkdir()
        (self._room / "model.tflite").symlink_to(model.resolve())
        (self._room / LIBRARY).symlink_to(tools.runtime.resolve())
        names = b"".join(name.encode() + b"\0" for name in feed.names)
        (self._room / "names").write_bytes(names)
        (self._room / "in").write_bytes(b"".join(samples))
        (self._room / "out").touch()
        shutil.copy(tools.runner, at / "runner")
        shutil.copy(tools.plugin, at / "plugin.so")
        self._process = subprocess.Popen(
            _command(task, tools, cpu, at, len(samples)), cwd=at, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={"LD_LIBRARY_PATH": str(tools.search)},
        )  # fmt: skip
        self._until = time.monotonic() + TIMEOUT_S

    def __enter__(self) -> Run:
        """Return the run."""
        return self

    def __exit__(self, *failure: object) -> None:
        """End the process, whatever it is at."""
        self._process.kill()
        self._process.communicate()

    def result(self) -> Result:
        """Wait for it, and read what it gave.

        Raises:
            ArtifactError: the runtime on the device does not take the file.
            DeviceError: it crashed, or took too long.
        """
        try:
            out, err = self._process.communicate(timeout=max(self._until - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired as error:
            raise DeviceError(
                f"the emulator did not end within {TIMEOUT_S:g} s; take a smaller model"
            ) from error
        if (code := self._process.returncode) == _REFUSED:
            raise ArtifactError(f"{self._model}: the device's runtime refused it: {telling(err)}")
        if code == _BROKEN:
            raise DeviceError(
                f"what was installed for the device does not work: {telling(err)}; fetch it again:"
                " edgekit devices install --again"
            )
        if code:
            raise DeviceError(
                f"the emulator ended with code {code}: {telling(err) or 'no reason'}; if it does so"
                " with other files too: edgekit devices install --again"
            )
        told = read_told(out.decode("ascii", errors="replace"))
        counts = self._folder / "counts"
        return Result(
            told=told,
            outputs=(self._room / "out").read_bytes(),
            counted=read_counts(counts.read_text("ascii")) if self._task != "outputs" else None,
        )


def _command(task: Task, tools: Tools, cpu: Cpu, folder: Path, samples: int) -> Sequence[str]:
    caches = (
        f"l1={cpu.l1_data_kib * 1024},l1ways={cpu.l1_ways},l2={cpu.l2_kib * 1024},"
        f"l2ways={cpu.l2_ways},line={cpu.line_bytes}"
    )
    plugin = [] if task == "outputs" else ["-plugin", f"./plugin.so,out=counts,{caches}"]
    return [
        str(tools.qemu), "-cpu", cpu.emulator, "-seed", "1", "-r", _KERNEL,
        "-U", "LD_LIBRARY_PATH", "-L", str(folder / "prefix"), *plugin,
        "-s", _STACK, "./runner", _ROOM, task, str(samples), str(_MARKED[task]),
    ]  # fmt: skip
