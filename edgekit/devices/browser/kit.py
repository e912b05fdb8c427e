"""What the browser's device needs: a browser, and the runtimes that run in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edgekit.catalog import shipped
from edgekit.devices.backend import Fetch
from edgekit.devices.browser.chromium import BUNDLE, Chromium, found
from edgekit.devices.declaration import Device
from edgekit.devices.provision import store
from edgekit.devices.provision.npm import NpmPackage
from edgekit.errors import DeviceError, OptionError
from edgekit.progress import Progress

_WASM = "litert_wasm_internal", "litert_wasm_compat_internal", "litert_wasm_threaded_internal"
LITERT = NpmPackage(
    name="@litertjs/core",
    version="2.5.3",
    members=("dist/index.js", *(f"wasm/{name}{end}" for name in _WASM for end in (".js", ".wasm"))),
    size_mb=11.8,
)
WASM_UTILS = NpmPackage(
    name="@litertjs/wasm-utils", version="2.5.3", members=("dist/index.js",), size_mb=0.1
)
ONNX = NpmPackage(
    name="onnxruntime-web",
    version="1.30.0",
    members=(
        "dist/ort.wasm.min.mjs",
        "dist/ort-wasm-simd-threaded.mjs",
        "dist/ort-wasm-simd-threaded.wasm",
    ),
    size_mb=33.1,
)


@dataclass(frozen=True, kw_only=True)
class Kit:
    """Packages by the folder of the site that they are served in."""

    packages: Mapping[str, NpmPackage]

    def needs(self) -> list[Fetch]:
        """Return what ``install`` would fetch."""
        browser = [] if found() else BUNDLE.needs()
        return [*browser, *(one for package in self.packages.values() for one in package.needs())]

    def folders(self) -> list[str]:
        """Return the names of the store's folders that are used; not of a machine's own browser."""
        own = found() is not None and not store.present(BUNDLE.name)
        browser = [] if own else [BUNDLE.name]
        return [*browser, *(package.stored for package in self.packages.values())]

    def install(self, progress: Progress) -> None:
        """Fetch what is missing.

        Raises:
            DeviceError: something cannot be fetched; what was is kept for the next try.
        """
        for package in self.packages.values():
            package.fetch(progress)
        if found() is None:
            BUNDLE.fetch(progress)

    def browser(self) -> Chromium:
        """Return the browser.

        Raises:
            DeviceError: there is none.
        """
        if (browser := found()) is None:
            raise DeviceError(
                "expected Chromium, found none: edgekit devices install chromium-wasm"
            )
        return browser

    def files(self) -> dict[str, Path | bytes]:
        """Return our pages and the packages' files, by their paths on the site."""
        own = shipped("devicefarm") / "browser"
        served: dict[str, Path | bytes] = {path.name: path for path in own.iterdir()}
        for place, package in self.packages.items():
            served |= {f"{place}/{name}": package.folder / name for name in package.members}
        return served


def kit_of(device: Device) -> Kit:
    """Return what a device needs, with the runtime at the version that it asks for.

    Raises:
        OptionError: it asks for a runtime that no page runs.
    """
    packages = {"litert": LITERT, "wasm-utils": WASM_UTILS, "ort": ONNX}
    wanted = device.runtime
    if wanted is None:
        return Kit(packages=packages)
    if wanted.name not in (LITERT.name, ONNX.name):
        raise OptionError(
            f"{device.name}: expected runtime {LITERT.name} or {ONNX.name}, got {wanted.name!r}"
        )
    places = ("ort",) if wanted.name == ONNX.name else ("litert", "wasm-utils")
    if wanted.version:
        packages |= {place: replace(packages[place], version=wanted.version) for place in places}
    return Kit(packages=packages)
