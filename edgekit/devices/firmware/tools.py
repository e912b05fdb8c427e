"""What making and running firmware takes, where it lies, and how it comes there."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from edgekit.catalog import shipped
from edgekit.devices.backend import Fetch
from edgekit.devices.declaration import Device
from edgekit.devices.provision import store
from edgekit.devices.provision.apt import Bundle
from edgekit.devices.provision.command import output_of
from edgekit.devices.provision.packages import Package, Tool
from edgekit.errors import DeviceError
from edgekit.progress import Progress

QEMU = Bundle(
    name="qemu-system-arm", packages=("qemu-system-arm",), size_mb=16.0, always="qemu-system-.*"
)
GCC = Bundle(
    name="gcc-arm-none-eabi",
    packages=("gcc-arm-none-eabi", "libnewlib-arm-none-eabi"),
    size_mb=101.7,
    always=".*-arm-none-eabi|libnewlib-dev",
)
GENERATOR = Tool(
    main=Package(name="emx-onnx-cgen", version="1.4.0", size_mb=0.7),
    others=(
        Package(name="emx-regex-cgen", version="0.2.0", size_mb=0.1),
        Package(name="jinja2", version="3.1.6", size_mb=0.1),
        Package(name="markupsafe", version="3.0.3", size_mb=0.1),
        Package(name="sympy", version="1.14.0", size_mb=6.3),
        Package(name="mpmath", version="1.3.0", size_mb=0.5),
    ),
)
_BUILD_TIMEOUT_S = 120.0
_PLUGIN = "firmware-count-"


def generator(device: Device) -> Tool:
    """Return the generator of C at the version that the device asks for, else at edgekit's."""
    return GENERATOR.at(device.runtime.version if device.runtime else "")


@dataclass(frozen=True)
class Kit:
    """All that a device needs."""

    device: Device

    def needs(self) -> list[Fetch]:
        """Return what ``install`` would bring or build."""
        found = [*QEMU.needs(), *GCC.needs(), *generator(self.device).needs()]
        if not store.present(_plugin_name()):
            found.append(Fetch(source="built here", package="qemu plugin"))
        return found

    def folders(self) -> list[str]:
        """Return the names of the store's folders that are used, and of earlier builds."""
        built = dict.fromkeys([_plugin_name(), *store.alike(_PLUGIN)])
        tool = generator(self.device)
        own = not store.present(tool.name) and not tool.missing()  # it can be imported here
        return [QEMU.name, GCC.name, *([] if own else [tool.name]), *built]

    def install(self, progress: Progress) -> None:
        """Bring and build everything.

        Raises:
            DeviceError: it cannot be fetched or built.
        """
        compiler = _compiler()
        for bundle in (QEMU, GCC):
            bundle.fetch(progress)
        generator(self.device).install(progress)
        with progress.stage("building the qemu plugin"), store.making(_plugin_name()) as folder:
            if folder is not None:
                flags = ["-O2", "-shared", "-fPIC", "-ffreestanding", "-nostdlib"]
                output_of(
                    [compiler, *flags, str(sources() / "count.c"), "-o", "count.so"],
                    doing="building for the emulator",
                    timeout_s=_BUILD_TIMEOUT_S,
                    folder=folder,
                )


def sources() -> Path:
    """Return the folder of the C sources that firmware is made of."""
    return shipped("devicefarm") / "firmware"


def plugin() -> Path:
    """Return the plugin that counts."""
    return store.place(_plugin_name()) / "count.so"


def qemu() -> Path:
    """Return the emulator."""
    return QEMU.root / "usr/bin/qemu-system-arm"


def cross(program: str) -> Path:
    """Return a program for the target, such as ``gcc``, ``size`` or ``nm``."""
    return GCC.root / f"usr/bin/arm-none-eabi-{program}"


def environment(root: Path) -> dict[str, str]:
    """Return variables with which a program finds the libraries that were unpacked with it."""
    triple = f"{os.uname().machine}-linux-gnu"
    search = f"{root / 'usr/lib' / triple}:{root / 'lib' / triple}"
    return {"PATH": os.environ.get("PATH", ""), "LD_LIBRARY_PATH": search, "LC_ALL": "C"}


def _plugin_name() -> str:
    digest = hashlib.sha256((sources() / "count.c").read_bytes()).hexdigest()
    return f"{_PLUGIN}{digest[:12]}"


def _compiler() -> str:
    for name in ("cc", "gcc", "clang"):
        if (found := shutil.which(name)) is not None:
            return found
    raise DeviceError("expected a C compiler on this machine, found none: apt-get install gcc")
