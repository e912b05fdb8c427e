"""Tools that come as Python packages, in folders of ours; they run in processes of their own."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgekit.devices.backend import Fetch
from edgekit.devices.provision import store
from edgekit.errors import DeviceError, one_line
from edgekit.progress import Progress
from edgekit.spawn import python

INSTALL_TIMEOUT_S = 900.0
_MOST_BYTES = 4 << 30


@dataclass(frozen=True, kw_only=True)
class Package:
    """A distribution at one version; ``size_mb`` is what is fetched."""

    name: str
    version: str
    size_mb: float


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A package and those that it imports, apart from what edgekit itself depends on.

    A tool that can be imported here already is used as it is; where a device declares a version
    (``exact``), only that one is, and else one is fetched that goes before it.
    """

    main: Package
    others: tuple[Package, ...] = ()
    exact: bool = False

    @property
    def folder(self) -> Path:
        """Where they lie once they are installed."""
        return store.place(self.name)

    @property
    def name(self) -> str:
        """What the folder is called in the store."""
        return f"{self.main.name}-{self.main.version}-{sys.implementation.cache_tag}"

    def at(self, version: str) -> Tool:
        """Return the tool at another version of its main package; as it is if that is empty."""
        if not version:
            return self
        return replace(self, main=replace(self.main, version=version), exact=True)

    def missing(self) -> list[Package]:
        """Return what ``install`` would fetch: nothing, or all of it.

        So a folder in the store is whole whatever else comes and goes on this machine.
        """
        if store.present(self.name):
            return []
        here = _version_here(self.main.name)
        wanted = here is not None and (not self.exact or here == self.main.version)
        if wanted and all(_version_here(each.name) is not None for each in self.others):
            return []
        return [self.main, *self.others]

    def needs(self) -> list[Fetch]:
        """Return what ``install`` would fetch."""
        return [
            Fetch(source="pypi", package=p.name, version=p.version, size_mb=p.size_mb)
            for p in self.missing()
        ]

    def install(self, progress: Progress) -> None:
        """Fetch what is missing into the tool's folder; nothing if all is there.

        Raises:
            DeviceError: there is no installer, or it failed.
        """
        wanted = self.missing()
        if not wanted:
            return
        names = [f"{package.name}=={package.version}" for package in wanted]
        with progress.stage(f"fetching {', '.join(names)}"), store.making(self.name) as folder:
            if folder is not None:
                _fetch(names, folder)

    def run(
        self, task: str, *arguments: str, stdin: bytes = b"", timeout_s: float, folder: Path
    ) -> subprocess.CompletedProcess[bytes]:
        """Call a function of ours where the tool can be imported, and wait for it.

        Args:
            task: ``module:function``; what it returns is the exit code.
            arguments: Of the function.
            stdin: What it can read.
            timeout_s: After which it is ended.
            folder: Where it runs, and may leave files.

        Raises:
            DeviceError: it did not end in time, or was ended by a signal.
        """
        command = python(
            "edgekit.devices.provision.packages:enter", str(self.folder), task, *arguments
        )
        try:
            done = subprocess.run(
                command, input=stdin, capture_output=True, timeout=timeout_s, cwd=folder
            )
        except subprocess.TimeoutExpired as error:
            raise DeviceError(
                f"{self.main.name}: no answer after {timeout_s:g} s; try a smaller model"
            ) from error
        if done.returncode < 0:
            raise DeviceError(
                f"{self.main.name}: its process was ended by {_signal(-done.returncode)}:"
                f" {last_line(done.stderr)}; the file may be one that it cannot take"
            )
        return done


def enter(folder: str, task: str, *arguments: str) -> Any:
    """Call a function with what lies in ``folder`` importable. Runs in the process of its own."""
    if Path(folder).is_dir():
        sys.path.insert(0, folder)
    _limit()
    module, _, function = task.partition(":")
    return getattr(importlib.import_module(module), function)(*arguments)


def _limit() -> None:
    """Leave no core file, and room for others: damaged files can ask for any amount of memory."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (_MOST_BYTES, _MOST_BYTES))


def last_line(text: bytes | str) -> str:
    """Return the last line that says anything, or that nothing was said."""
    plain = text.decode(errors="replace") if isinstance(text, bytes) else text
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it printed nothing"


def _version_here(name: str) -> str | None:
    """Return the version of a distribution that can be imported here."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _fetch(names: list[str], folder: Path) -> None:
    environment = {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    command = [*_installer(), "--no-deps", "--upgrade", "--target", str(folder), *names]
    try:
        done = subprocess.run(
            command, capture_output=True, env=environment, timeout=INSTALL_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"{', '.join(names)}: cannot be fetched: {one_line(error)}") from error
    if done.returncode:
        raise DeviceError(
            f"{', '.join(names)}: cannot be fetched: {last_line(done.stderr)}; check the network"
            " and pip's configuration, then run the same command again"
        )


def _installer() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--only-binary=:all:"]
        return [sys.executable, "-m", "pip", "install", *quiet]
    if (found := shutil.which("uv")) is not None:
        return [found, "pip", "install", "--quiet", "--python", sys.executable, "--no-build"]
    raise DeviceError(
        "expected pip or uv to fetch packages with, found neither; install one of them"
    )


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
