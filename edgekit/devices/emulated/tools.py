"""What emulation needs, where it lies, and how it comes there."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.catalog import shipped
from edgekit.devices.backend import Fetch
from edgekit.devices.declaration import Cpu, Device, Runtime
from edgekit.devices.provision import store
from edgekit.devices.provision.apt import Bundle
from edgekit.devices.provision.command import output_of
from edgekit.devices.provision.wheel import WheelFile
from edgekit.errors import DeviceError, OptionError
from edgekit.progress import Progress

LIBRARY = "libLiteRt.so"
QEMU_MAJORS = range(7, 9)  # 9 has no plugin interface 1 any more
_BUILD_TIMEOUT_S = 120.0
_PACKAGE = "ai-edge-litert"

QEMU = Bundle(
    name="qemu-user", packages=("qemu-user",), size_mb=12.3, always="qemu-user.*"
)  # what is here may be the static build, which takes no plugins
CROSS = Bundle(
    name="gcc-aarch64",
    packages=("gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "libstdc++6-arm64-cross"),
    size_mb=36.5,
    always=".*(aarch64-linux-gnu|arm64-cross|-cross-base).*",
    needless="lib(asan|lsan|tsan|ubsan|hwasan|itm|gomp)[0-9]+-arm64-cross",
)


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Files that a run takes.

    ``libraries`` is what the runner is linked with, None for the host's; ``search`` is where qemu
    itself finds libraries that the machine lacks.
    """

    qemu: Path
    search: Path
    runner: Path
    plugin: Path
    runtime: Path
    libraries: Path | None


def declared(device: Device) -> tuple[Cpu, Runtime]:
    """Return processor and runtime of a device.

    Raises:
        OptionError: one is not declared, or is of a kind that cannot be emulated.
    """
    cpu, runtime = device.cpu, device.runtime
    if cpu is None or runtime is None or not cpu.emulator or not runtime.version:
        raise OptionError(
            f"{device.name}: an emulated device needs cpu.emulator, runtime.name and"
            " runtime.version; add them to its TOML file"
        )
    if cpu.architecture not in ("aarch64", "x86_64") or runtime.name != _PACKAGE:
        raise OptionError(
            f"{device.name}: expected cpu.architecture aarch64 or x86_64 and runtime {_PACKAGE},"
            f" got {cpu.architecture} and {runtime.name}"
        )
    if cpu.emulator == "max":
        raise OptionError(
            f"{device.name}: cpu.emulator = 'max' computes int8 wrongly; name a processor"
        )
    if min(cpu.l1_data_kib, cpu.l2_kib) < 1:
        raise OptionError(f"{device.name}: expected cpu.l1_data_kib and cpu.l2_kib of at least 1")
    return cpu, runtime


class Kit:
    """All that one device needs."""

    def __init__(self, device: Device) -> None:
        self.cpu, self.runtime = declared(device)
        self._arm = self.cpu.architecture == "aarch64"
        self._bundles = (QEMU, CROSS) if self._arm else (QEMU,)
        self._wheel = WheelFile(
            package=_PACKAGE,
            version=self.runtime.version,
            architecture=self.cpu.architecture,
            member=f"ai_edge_litert/{LIBRARY}",
            size_mb=14.4 if self._arm else 16.0,
        )

    def needs(self) -> list[Fetch]:
        """Return what ``install`` would bring or build."""
        found = [each for bundle in self._bundles for each in bundle.needs()]
        if self._own_library() is None:
            found += self._wheel.needs()
        if not store.present(self._built):
            found.append(Fetch(source="built here", package="runner and qemu plugin"))
        return found

    def folders(self) -> list[str]:
        """Return the names of the store's folders that are used, and of earlier builds."""
        wheel = [] if self._own_library() else [self._wheel.name]
        earlier = store.alike(f"emulator-{self.cpu.architecture}-")
        built = dict.fromkeys([self._built, *earlier])
        return [*(bundle.name for bundle in self._bundles), *wheel, *built]

    def install(self, progress: Progress) -> None:
        """Bring and build everything.

        Raises:
            DeviceError: it cannot be fetched or built.
        """
        _compiler()
        for bundle in self._bundles:
            bundle.fetch(progress)
        if self._own_library() is None:
            self._wheel.fetch(progress)
        _demand_qemu(self._qemu(), QEMU.root)
        with progress.stage("building the runner"), store.making(self._built) as folder:
            if folder is not None:
                self._build(folder)

    def tools(self) -> Tools:
        """Return where everything lies.

        Raises:
            DeviceError: something is not there.
        """
        if lacking := self.needs():
            names = ", ".join(each.package for each in lacking)
            raise DeviceError(f"not installed: {names}; run edgekit devices install for it")
        folder = store.place(self._built)
        return Tools(
            qemu=self._qemu(),
            search=_search(QEMU.root),
            runner=folder / "runner",
            plugin=folder / "plugin.so",
            runtime=self._own_library() or self._wheel.path,
            libraries=CROSS.root / "usr/aarch64-linux-gnu/lib" if self._arm else None,
        )

    @property
    def _built(self) -> str:
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(_all_sources())))
        return f"emulator-{self.cpu.architecture}-{digest.hexdigest()[:12]}"

    def _qemu(self) -> Path:
        return QEMU.root / f"usr/bin/qemu-{self.cpu.architecture}"

    def _own_library(self) -> Path | None:
        """Return the library that is installed here, if it is the one that the device has."""
        found = importlib.util.find_spec("ai_edge_litert")
        if self._arm or os.uname().machine != "x86_64" or found is None or not found.origin:
            return None
        path = Path(found.origin).parent / LIBRARY
        same = _installed_version() == self.runtime.version
        return path if same and path.is_file() else None

    def _build(self, folder: Path) -> None:
        runner = [str(_source("runner.c")), "-O2", "-rdynamic", "-ldl", "-o", "runner"]
        if self._arm:
            cross = CROSS.root / "usr/bin/aarch64-linux-gnu-gcc"
            _compile([str(cross), f"--sysroot={CROSS.root}", *runner], folder, CROSS.root)
        else:
            _compile([_compiler(), *runner], folder, None)
        sources = [str(path) for path in _all_sources() if path.name != "runner.c"]
        flags = ["-O2", "-shared", "-fPIC", "-ffreestanding", "-fvisibility=hidden", "-nostdlib"]
        _compile(
            [_compiler(), *flags, *(s for s in sources if s.endswith(".c")), "-o", "plugin.so"],
            folder, None,
        )  # fmt: skip


def qemu_version(qemu: Path, search: Path) -> str:
    """Return qemu's version, such as 7.2.22.

    Raises:
        DeviceError: it does not run.
    """
    told = output_of(
        [str(qemu), "--version"], doing="asking qemu for its version", timeout_s=30.0,
        environment={"LD_LIBRARY_PATH": str(search)},
    )  # fmt: skip
    found = re.search(r"version (\d+(?:\.\d+)+)", told)
    if found is None:
        raise DeviceError(f"{qemu}: expected a qemu that tells its version, got {told[:80]!r}")
    return found[1]


def _demand_qemu(qemu: Path, root: Path) -> None:
    version = qemu_version(qemu, _search(root))
    if int(version.partition(".")[0]) not in QEMU_MAJORS:
        raise DeviceError(
            f"expected qemu {QEMU_MAJORS.start} to {QEMU_MAJORS.stop - 1}, whose plugins have"
            f" interface 1, got {version}; use Debian 12 or Ubuntu 24.04, or a container of one"
        )


def _compile(command: Sequence[str], folder: Path, root: Path | None) -> None:
    environment = dict(os.environ)
    if root is not None:
        environment["LD_LIBRARY_PATH"] = str(_search(root))
    output_of(
        command, doing="building for the emulator", timeout_s=_BUILD_TIMEOUT_S, folder=folder,
        environment=environment,
    )  # fmt: skip


def _search(root: Path) -> Path:
    return root / "usr/lib" / f"{os.uname().machine}-linux-gnu"


def _compiler() -> str:
    for name in ("cc", "gcc", "clang"):
        if (found := shutil.which(name)) is not None:
            return found
    raise DeviceError("expected a C compiler on this machine, found none: apt-get install gcc")


def _all_sources() -> list[Path]:
    folder = shipped("devicefarm") / "emulator"
    return [path for path in folder.iterdir() if path.suffix in (".c", ".h")]


def _source(name: str) -> Path:
    return shipped("devicefarm") / "emulator" / name


def _installed_version() -> str:
    try:
        return importlib.metadata.version(_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return ""
