"""Boards whose runtime has no C interface: a Python of their architecture runs it.

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
from edgekit.devices.emulated.job import command
from edgekit.devices.emulated.part import ROOM, Part, Program
from edgekit.devices.emulated.prefix import furnish, make_prefix
from edgekit.devices.emulated.qemu import QEMU, qemu_of
from edgekit.devices.provision import store
from edgekit.devices.provision.apt import Bundle
from edgekit.devices.provision.command import output_of
from edgekit.devices.provision.wheel import WheelFiles
from edgekit.files import scratch
from edgekit.progress import Progress

PYTHON = Bundle(
    name="python-armhf",
    packages=("python3.11-minimal", "libpython3.11-stdlib", "python3-numpy", "libstdc++6"),
    size_mb=15.3,
    architecture="armhf",
    needless=(
        "dpkg|tar|python3|python3.11|(lib)?python3-(minimal|stdlib|pkg-resources)|media-types"
        "|readline-common|lib(acl1|selinux1|pcre2.*|gssapi.*|k.*|com-err2|nsl2|tirpc.*|sqlite3-0"
        "|db5.3|readline8|ncursesw6|tinfo6|md0|zstd1|uuid1)"
    ),
)
_SIZE_MB = 1.8
_TIMEOUT_S = 300.0
_LIBRARIES = "prefix/usr/lib/arm-linux-gnueabihf"
_ENVIRONMENT = {
    "LD_LIBRARY_PATH": f"{_LIBRARIES}/blas:{_LIBRARIES}/lapack:{_LIBRARIES}",
    "PYTHONHOME": "prefix/usr",
    "PYTHONHASHSEED": "0",
}
_BYTECODE = f"prefix/{ROOM}/bytecode"


class Userland:
    """What a runtime with a Python interface needs, and how it is run."""

    def __init__(self, cpu: Cpu, runtime: Runtime) -> None:
        self._cpu = cpu
        self._wheel = WheelFiles(
            package=runtime.name, version=runtime.version, architecture="armv7l",
            members=("tflite_runtime/*",), size_mb=_SIZE_MB,
        )  # fmt: skip
        self._build = Build(architecture=cpu.architecture, runners=())

    def parts(self) -> Sequence[Part]:
        """Return what has to be there, in the order in which it comes."""
        return [PYTHON, self._wheel, self._build, self._bytecode()]

    def program(self) -> Program:
        """Return what runs, and what it needs to see."""
        return _program(self._shown({"bytecode": self._bytecode().folder}), self._build.plugin)

    def _bytecode(self) -> Bytecode:
        return Bytecode(
            name=f"{self._wheel.name}-bytecode",
            cpu=self._cpu,
            program=_program(self._shown({}), self._build.plugin),
        )

    def _shown(self, more: Mapping[str, Path]) -> dict[str, Path]:
        script = shipped("devicefarm") / "emulator/runner.py"
        packages = {"packages/tflite_runtime": self._wheel.folder}
        return {"runner.py": script, **packages, **more}


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


def _program(room: Mapping[str, Path], plugin: Path) -> Program:
    return Program(
        file=PYTHON.root / "usr/bin/python3.11",
        plugin=plugin,
        idle=True,
        plain=True,  # its kernels for integers give the same
        room=room,
        system={"usr": PYTHON.root / "usr", "lib": PYTHON.root / "lib"},
        called="prefix/usr/bin/python3.11",
        before=("-s", "-S", "-B", "-X", f"pycache_prefix={_BYTECODE}", f"prefix/{ROOM}/runner.py"),
        folder=f"prefix/{ROOM}",
        environment=_ENVIRONMENT,
    )
