"""Boards whose runtime is asked through its C interface, by a small runner of ours."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgekit.devices.declaration import Cpu, Runtime
from edgekit.devices.emulated.building import Build
from edgekit.devices.emulated.engines import ENGINES
from edgekit.devices.emulated.part import Part, Program
from edgekit.devices.provision.apt import Bundle

CROSS = Bundle(
    name="gcc-aarch64",
    packages=("gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "libstdc++6-arm64-cross"),
    size_mb=36.5,
    always=".*(aarch64-linux-gnu|arm64-cross|-cross-base).*",
    needless="lib(asan|lsan|tsan|ubsan|hwasan|itm|gomp)[0-9]+-arm64-cross",
)
_LOADER, _TRIPLET = "ld-linux-aarch64.so.1", "aarch64-linux-gnu"


class Native:
    """What a runtime with a C interface needs, and how it is run."""

    def __init__(self, cpu: Cpu, runtime: Runtime) -> None:
        self.engine = ENGINES[runtime.name]
        self._cross = CROSS if cpu.architecture == "aarch64" else None
        self._runtime = runtime
        self._wheel = self.engine.wheel(runtime.version, cpu.architecture)
        self._build = Build(
            architecture=cpu.architecture,
            runners=tuple(engine.runner for engine in ENGINES.values()),
            cross=self._cross,
        )

    def parts(self) -> Sequence[Part]:
        """Return what has to be there, in the order in which it comes."""
        wheel = [] if self._own_libraries() else [self._wheel]
        cross = [] if self._cross is None else [self._cross]
        return [*cross, *wheel, self._build]

    def program(self) -> Program:
        """Return what runs, and what it needs to see."""
        files = self._own_libraries() or sorted(self._wheel.folder.iterdir())
        main = next(path for path in files if path.match(self.engine.libraries[0]))
        named = {path.name: path for path in files}
        return Program(
            file=self._build.folder / f"runner-{self.engine.runner}",
            plugin=self._build.plugin,
            room={**named, self.engine.interface: main},
            system=self._system(),
            environment=self.engine.environment,
            marked=self.engine.marked,
        )

    def _system(self) -> Mapping[str, Path]:
        if self._cross is None:
            return {}
        libraries = self._cross.root / "usr/aarch64-linux-gnu/lib"
        return {f"lib/{_LOADER}": libraries / _LOADER, f"lib/{_TRIPLET}": libraries}

    def _own_libraries(self) -> list[Path]:
        """Return the libraries that are installed here, if they are those that the device has."""
        engine = self.engine
        if self._cross is not None or os.uname().machine != "x86_64":
            return []
        if _installed_version(engine.package) != self._runtime.version:
            return []
        package, _, inner = engine.module.partition("/")
        found = importlib.util.find_spec(package)
        if found is None or not found.origin:
            return []
        folder = Path(found.origin).parent / inner
        groups = [sorted(folder.glob(pattern)) for pattern in engine.libraries]
        return [path for group in groups for path in group] if all(groups) else []


def _installed_version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
