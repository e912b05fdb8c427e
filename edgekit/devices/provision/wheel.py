"""Files out of a wheel that was built for another machine."""

from __future__ import annotations

import fnmatch
import importlib.util
import shutil
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from edgekit.devices.backend import Fetch
from edgekit.devices.provision import store
from edgekit.devices.provision.command import output_of
from edgekit.errors import DeviceError
from edgekit.progress import Progress

_TIMEOUT_S = 600.0
_PYTHON = "3.11"
_GLIBC = range(36, 16, -1)  # pip takes no older platform than it is told: all are named


@dataclass(frozen=True, kw_only=True)
class WheelFiles:
    """Files in the wheel of a distribution, for an architecture; the rest is not kept.

    ``members`` are patterns of their paths in it, each of which has to match. ``part`` names these
    where others of the same wheel lie in the store, too.
    """

    package: str
    version: str
    architecture: str
    members: tuple[str, ...]
    size_mb: float
    part: str = ""

    @property
    def name(self) -> str:
        """What it is called in the store."""
        part = f"-{self.part}" if self.part else ""
        return f"{self.package}-{self.version}-{self.architecture}{part}"

    @property
    def folder(self) -> Path:
        """Where the files lie, by their own names, once they are there."""
        return store.place(self.name)

    def needs(self) -> list[Fetch]:
        """Return what ``fetch`` would bring."""
        if store.present(self.name):
            return []
        return [
            Fetch(source="pypi", package=self.package, version=self.version, size_mb=self.size_mb)
        ]

    def fetch(self, progress: Progress) -> None:
        """Bring the files; if they are there it does nothing.

        Raises:
            DeviceError: there is no pip, no such wheel, or no such file in it.
        """
        if store.present(self.name):
            return
        with progress.stage(f"fetching {self.name}"), store.making(self.name) as folder:
            if folder is not None:
                self._fill(folder)

    def _fill(self, folder: Path) -> None:
        wheels = folder / "wheels"
        command = [
            *_pip(), "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-input",
            "--disable-pip-version-check", "--python-version", _PYTHON, *self._platforms(),
            "--dest", str(wheels), f"{self.package}=={self.version}",
        ]  # fmt: skip
        output_of(
            command, doing=f"fetching {self.name}", timeout_s=_TIMEOUT_S,
            advice="check the network and pip's configuration, then run the same command again",
        )  # fmt: skip
        (wheel,) = wheels.glob("*.whl")
        with zipfile.ZipFile(wheel) as opened:
            for pattern in self.members:
                self._extract(opened, pattern, folder)
        shutil.rmtree(wheels)

    def _extract(self, wheel: zipfile.ZipFile, pattern: str, folder: Path) -> None:
        found = fnmatch.filter(wheel.namelist(), pattern)
        if not found:
            raise DeviceError(f"{self.name}: expected {pattern} in it; take another version")
        for member in found:
            with wheel.open(member) as packed, (folder / Path(member).name).open("wb") as file:
                shutil.copyfileobj(packed, file)

    def _platforms(self) -> list[str]:
        tags = [f"manylinux_2_{minor}_{self.architecture}" for minor in _GLIBC]
        tags.append(f"manylinux2014_{self.architecture}")
        return [part for tag in tags for part in ("--platform", tag)]


def _pip() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    if (found := shutil.which("pip3") or shutil.which("pip")) is not None:
        return [found]
    raise DeviceError("expected pip, to fetch a wheel with, found none: python -m ensurepip")
