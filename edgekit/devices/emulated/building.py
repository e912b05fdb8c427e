"""Builds runners and plugin from ``devicefarm/emulator``, and knows the qemu that loads it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.catalog import shipped
from edgekit.devices.backend import Fetch
from edgekit.devices.provision import store
from edgekit.devices.provision.apt import Bundle
from edgekit.devices.provision.command import output_of
from edgekit.errors import DeviceError
from edgekit.progress import Progress

QEMU_MAJORS = range(7, 9)  # 9 has no plugin interface 1 any more
_BUILD_TIMEOUT_S = 120.0


def qemu_version(qemu: Path, libraries: Path) -> str:
    """Return qemu's version, such as 7.2.22.

    Raises:
        DeviceError: it does not run.
    """
    told = output_of(
        [str(qemu), "--version"], doing="asking qemu for its version", timeout_s=30.0,
        environment={"LD_LIBRARY_PATH": str(libraries)},
    )  # fmt: skip
    found = re.search(r"version (\d+(?:\.\d+)+)", told)
    if found is None:
        raise DeviceError(f"{qemu}: expected a qemu that tells its version, got {told[:80]!r}")
    return found[1]


def demand_qemu(qemu: Path, root: Path) -> None:
    """Make sure that qemu takes plugins of ours.

    Raises:
        DeviceError: it is of another version.
    """
    version = qemu_version(qemu, search(root))
    if int(version.partition(".")[0]) not in QEMU_MAJORS:
        raise DeviceError(
            f"expected qemu {QEMU_MAJORS.start} to {QEMU_MAJORS.stop - 1}, whose plugins have"
            f" interface 1, got {version}; use Debian 12 or Ubuntu 24.04, or a container of one"
        )


def _compile(command: Sequence[str], folder: Path, root: Path | None) -> None:
    """Run a compiler; one that was unpacked below ``root`` finds its own libraries there."""
    environment = dict(os.environ)
    if root is not None:
        environment["LD_LIBRARY_PATH"] = str(search(root))
    output_of(
        command, doing="building for the emulator", timeout_s=_BUILD_TIMEOUT_S, folder=folder,
        environment=environment,
    )  # fmt: skip


def search(root: Path) -> Path:
    """Return where programs that were unpacked below ``root`` find their libraries."""
    return root / "usr/lib" / f"{os.uname().machine}-linux-gnu"


def compiler() -> str:
    """Return the C compiler of this machine.

    Raises:
        DeviceError: there is none.
    """
    for name in ("cc", "gcc", "clang"):
        if (found := shutil.which(name)) is not None:
            return found
    raise DeviceError("expected a C compiler on this machine, found none: apt-get install gcc")


@dataclass(frozen=True, kw_only=True)
class Build:
    """The plugin, and the runners of an architecture where ``cross`` or this host compiles them.

    Args:
        architecture: What the runners are for; empty for the plugin alone, which serves all.
        runners: Names of theirs: the ``run_*.c`` that are built.
        cross: What compiles them, None for this host's compiler.
    """

    architecture: str = ""
    runners: tuple[str, ...] = ()
    cross: Bundle | None = None

    @property
    def folder(self) -> Path:
        """Where it lies once it is built."""
        return store.place(self.name)

    @property
    def name(self) -> str:
        """What its folder is called; other sources give another."""
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(_sources())))
        return f"emulator-{self.architecture or 'plugin'}-{digest.hexdigest()[:12]}"

    def needs(self) -> list[Fetch]:
        """Return what ``fetch`` would build."""
        if store.present(self.name):
            return []
        return [
            Fetch(
                source="built here",
                package="qemu plugin" if not self.runners else "runner and qemu plugin",
            )
        ]

    @property
    def plugin(self) -> Path:
        """Where the plugin lies."""
        return self.folder / "plugin.so"

    def fetch(self, progress: Progress) -> None:
        """Build it; if it is there it does nothing.

        Raises:
            DeviceError: a compiler is missing, or failed.
        """
        with progress.stage("building the runner"), store.making(self.name) as folder:
            if folder is not None:
                for name in self.runners:
                    self._build_runner(name, folder)
                _build_plugin(folder)

    def _build_runner(self, name: str, folder: Path) -> None:
        here = _folder()
        parts = [str(here / part) for part in ("runner.c", "turns.c", f"run_{name}.c")]
        flags = ["-O2", "-rdynamic", "-ldl", "-o", f"runner-{name}"]
        if self.cross is None:
            _compile([compiler(), *parts, *flags], folder, None)
            return
        root = self.cross.root
        gcc = root / f"usr/bin/{self.architecture}-linux-gnu-gcc"
        _compile([str(gcc), f"--sysroot={root}", *parts, *flags], folder, root)


def _build_plugin(folder: Path) -> None:
    names = ("plugin.c", "cache.c", "decode_arm.c", "decode_arm32.c", "decode_x86.c")
    flags = ["-O2", "-shared", "-fPIC", "-ffreestanding", "-fvisibility=hidden", "-nostdlib"]
    files = [str(_folder() / name) for name in names]
    _compile([compiler(), *flags, *files, "-o", "plugin.so"], folder, None)


def _folder() -> Path:
    return shipped("devicefarm") / "emulator"


def _sources() -> list[Path]:
    return [path for path in _folder().iterdir() if path.suffix in (".c", ".h")]
