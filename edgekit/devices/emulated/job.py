"""Runs a file in the emulator: once for its outputs, once for counts, once for its operators."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgekit.artifact import Artifact
from edgekit.devices.declaration import Cpu
from edgekit.devices.emulated.lines import Counted, Told, read_counts, read_told
from edgekit.devices.emulated.part import ROOM, Program, Tools
from edgekit.devices.emulated.prefix import furnish, make_prefix
from edgekit.devices.provision.command import telling
from edgekit.errors import ArtifactError, DeviceError

TIMEOUT_S = 1800.0
_KERNEL = "6.1.0"  # told to the emulated program, whatever runs here
_STACK = "8388608"
_LENGTH = 200  # of the path of the folder that a program is started in
# How the runner ends where the runtime does not take the file, and where it has no such runtime.
_REFUSED, _BROKEN = 3, 4
_CRASHES = (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV)

Task = Literal["outputs", "count", "operators"]


@dataclass(frozen=True, kw_only=True)
class Feed:
    """Inputs by name and shape, and samples: what all of them store, in that order, as bytes."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    samples: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one run gave; ``counted`` is None where nothing was counted.

    ``profile`` is what the runtime's profiler wrote into a file, empty if it wrote none.
    """

    told: Told
    outputs: bytes
    counted: Counted | None
    profile: bytes = b""


class Run:
    """An emulated process, which begins at once; it is gone when the ``with`` block is left.

    ``outputs`` runs every sample. ``count`` and ``operators`` take the first sample alone, so that
    their counts do not depend on how many there are.
    """

    def __init__(
        self, task: Task, tools: Tools, cpu: Cpu, artifact: Artifact, feed: Feed, at: Path
    ) -> None:
        """Start it in the folder ``at``, which is made."""
        self._task, self._model = task, artifact.path
        samples = feed.samples if task == "outputs" else feed.samples[:1]
        at = self._folder = _long(at)
        at.mkdir(parents=True)
        make_prefix(at / "prefix", cpu, tools.program.system)
        self._room = at / "prefix" / ROOM
        self._room.mkdir()
        self._furnish(tools, artifact, feed, samples)
        self._process = subprocess.Popen(
            _command(task, tools, cpu, at, len(samples)), cwd=at, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={"LD_LIBRARY_PATH": str(tools.search)},
        )  # fmt: skip
        self._until = time.monotonic() + TIMEOUT_S

    def _furnish(
        self, tools: Tools, artifact: Artifact, feed: Feed, samples: Sequence[bytes]
    ) -> None:
        """Put everything where the program looks for it."""
        files = {f"model{path.suffix.lower()}": path for path in artifact.files}
        furnish(self._room, {**files, **tools.program.room})
        names = b"".join(name.encode() + b"\0" for name in feed.names)
        shapes = "".join(" ".join(map(str, shape)) + "\n" for shape in feed.shapes)
        (self._room / "names").write_bytes(names)
        (self._room / "shapes").write_text(shapes, encoding="ascii")
        (self._room / "in").write_bytes(b"".join(samples))
        (self._room / "out").touch()
        shutil.copy(tools.program.file, self._folder / "runner")
        shutil.copy(tools.program.plugin, self._folder / "plugin.so")

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
        if -code in _CRASHES:
            raise ArtifactError(
                f"{self._model}: the device's runtime crashes on it: {telling(err) or 'no reason'};"
                " if it does so with other files too: edgekit devices install --again"
            )
        if code:
            raise DeviceError(
                f"the emulator ended with code {code}: {telling(err) or 'no reason'}; if it does so"
                " with other files too: edgekit devices install --again"
            )
        told = read_told(out.decode("ascii", errors="replace"))
        counts, profiles = self._folder / "counts", sorted(self._folder.glob("profile*.json"))
        return Result(
            told=told,
            outputs=(self._room / "out").read_bytes(),
            counted=read_counts(counts.read_text("ascii")) if self._task != "outputs" else None,
            profile=profiles[0].read_bytes() if profiles else b"",
        )


def _command(task: Task, tools: Tools, cpu: Cpu, folder: Path, samples: int) -> Sequence[str]:
    caches = (
        f"l1={cpu.l1_data_kib * 1024},l1ways={cpu.l1_ways},l2={cpu.l2_kib * 1024},"
        f"l2ways={cpu.l2_ways},line={cpu.line_bytes}"
    )
    plugin = [] if task == "outputs" else ["-plugin", f"./plugin.so,out=counts,{caches}"]
    words = [*plugin, "-s", _STACK]
    marked = tools.program.marked if task == "count" else 0
    after = [task, str(samples), str(marked)]
    return command(tools.qemu, cpu, tools.program, folder / "prefix", words, after)


def command(
    qemu: Path, cpu: Cpu, program: Program, prefix: Path, words: Sequence[str],
    after: Sequence[str], before: Sequence[str] | None = None,
) -> Sequence[str]:  # fmt: skip
    """Return what runs a program, which lies as ``runner`` where it is started.

    Paths lie in its memory, and so are the same everywhere: none is of this machine.

    Args:
        qemu: The emulator.
        cpu: The processor.
        program: What runs.
        prefix: What it sees below ``/``.
        words: More of the emulator's.
        after: What comes after the program's folder.
        before: The program's first words, if they are not its own.
    """
    first = program.before if before is None else before
    told = [part for name, text in program.environment.items() for part in ("-E", f"{name}={text}")]
    called = ["-0", program.called] if program.called else []
    return [
        str(qemu), "-cpu", cpu.emulator, "-seed", "1", "-r", _KERNEL, "-U", "LD_LIBRARY_PATH",
        *told, "-L", str(prefix), *called, *words, "./runner", *first, program.folder, *after,
    ]  # fmt: skip


def _long(folder: Path) -> Path:
    """Return a folder in there whose path is as long as everywhere: Python holds it in memory."""
    lacking = _LENGTH - len(str(folder.resolve())) - 1
    return folder / ("_" * max(lacking, 1))
