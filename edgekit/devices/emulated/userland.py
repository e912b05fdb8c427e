"""Runtimes that are asked through Python: one of the board's architecture runs them.

Debian's Python and numpy of the architecture lie unpacked in the store. They are named by relative
paths: of 32-bit programs qemu does not redirect every look at a file.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.catalog import shipped
from edgekit.devices.backend import Fetch
from edgekit.devices.declaration import Cpu, Runtime
from edgekit.devices.emulated.building import Build, search
from edgekit.devices.emulated.interpreters import INTERPRETERS
from edgekit.devices.emulated.job import command
from edgekit.devices.emulated.part import ROOM, Part, Program
from edgekit.devices.emulated.prefix import furnish, make_prefix
from edgekit.devices.emulated.pythons import PYTHONS
from edgekit.devices.emulated.qemu import QEMU, qemu_of
from edgekit.devices.provision import store
from edgekit.devices.provision.command import output_of
from edgekit.files import scratch
from edgekit.progress import Progress

_TIMEOUT_S = 300.0
_BYTECODE = f"prefix/{ROOM}/bytecode"


class Userland:
    """What a runtime with a Python interface needs, and how it is run."""

    def __init__(self, cpu: Cpu, runtime: Runtime) -> None:
        self._cpu, self._python = cpu, PYTHONS[cpu.architecture]
        self._interpreter = INTERPRETERS[runtime.name]
        self._wheel = self._interpreter.wheel(runtime.version, cpu.architecture, self._python.tag)
        self._build = Build()

    def parts(self) -> Sequence[Part]:
        """Return what has to be there, in the order in which it comes."""
        return [self._python.bundle, self._wheel, self._build, self._bytecode()]

    def program(self) -> Program:
        """Return what runs, and what it needs to see."""
        return self._program({"bytecode": self._bytecode().folder})

    def _bytecode(self) -> Bytecode:
        return Bytecode(
            name=f"{self._wheel.name}-bytecode", cpu=self._cpu, program=self._program({})
        )

    def _program(self, more: Mapping[str, Path]) -> Program:
        root, module = self._python.bundle.root, self._interpreter.module
        scripts = shipped("devicefarm") / "emulator"
        words = ("-s", "-S", "-B", "-X", f"pycache_prefix={_BYTECODE}", f"prefix/{ROOM}/runner.py")
        return Program(
            file=root / "usr/bin/python3.11",
            plugin=self._build.plugin,
            idle=True,
            plain=self._interpreter.plain,
            room={
                "runner.py": scripts / "runner.py",
                "packages/watch.py": scripts / "watch.py",
                f"packages/{module}": self._wheel.folder,
                **more,
            },
            system={name: root / name for name in ("usr", "lib", self._python.loader) if name},
            called="prefix/usr/bin/python3.11",
            before=words,
            folder=f"prefix/{ROOM}",
            environment=_environment(self._python.triplet, module),
        )


@dataclass(frozen=True, kw_only=True)
class Bytecode:
    """What Python compiles its modules to: without it each run takes twice as long."""

    name: str
    cpu: Cpu
    program: Program

    @property
    def folder(self) -> Path:
        """Where it lies once it is there."""
        return store.place(self.name)

    def needs(self) -> list[Fetch]:
        """Return what ``fetch`` would make."""
        if store.present(self.name):
            return []
        return [Fetch(source="built here", package="Python bytecode")]

    def fetch(self, progress: Progress) -> None:
        """Let the device's Python import everything once; if it did it does nothing.

        Raises:
            DeviceError: it cannot.
        """
        with progress.stage("compiling Python"), store.making(self.name) as made:
            if made is not None:
                with scratch() as folder:
                    self._fill(made, folder)

    def _fill(self, made: Path, folder: Path) -> None:
        prefix = folder / "prefix"
        make_prefix(prefix, self.cpu, self.program.system)
        furnish(prefix / ROOM, {**self.program.room, "bytecode": made})
        shutil.copy(self.program.file, folder / "runner")
        words = [word for word in self.program.before if word != "-B"]
        qemu = command(qemu_of(self.cpu), self.cpu, self.program, prefix, [], [], before=words)
        output_of(
            qemu, doing="compiling Python for the device", timeout_s=_TIMEOUT_S, folder=folder,
            environment={"LD_LIBRARY_PATH": str(search(QEMU.root))},
        )  # fmt: skip


def _environment(triplet: str, module: str) -> dict[str, str]:
    libraries = f"prefix/usr/lib/{triplet}"
    return {
        "LD_LIBRARY_PATH": f"{libraries}/blas:{libraries}/lapack:{libraries}",
        "PYTHONHOME": "prefix/usr",
        "PYTHONHASHSEED": "0",
        "RUNTIME": module,
    }
