"""What emulation of a device needs, where it lies, and how it comes there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from edgekit.artifact import Artifact
from edgekit.devices.backend import Fetch
from edgekit.devices.declaration import Cpu, Device, Runtime
from edgekit.devices.emulated.building import compiler, demand_qemu, search
from edgekit.devices.emulated.engines import ENGINES
from edgekit.devices.emulated.interpreters import INTERPRETERS
from edgekit.devices.emulated.native import Native
from edgekit.devices.emulated.part import Part, Tools
from edgekit.devices.emulated.qemu import QEMU, qemu_of
from edgekit.devices.emulated.userland import Userland
from edgekit.devices.provision import store
from edgekit.devices.runtime_choice import (
    FORMATS,
    WITH_STATE,
    for_format,
    kind_of,
    runtimes_of,
    takes,
)
from edgekit.errors import ArtifactError, DeviceError, OptionError
from edgekit.progress import Progress

_ARCHITECTURES: Mapping[str, Collection[str]] = {
    **{name: engine.size_mb for name, engine in ENGINES.items()},
    **{name: interpreter.size_mb for name, interpreter in INTERPRETERS.items()},
}
# architecture -> the runtimes that can be emulated on it.
RUNTIMES: Mapping[str, tuple[str, ...]] = {
    each: tuple(name for name, known in _ARCHITECTURES.items() if each in known)
    for each in ("aarch64", "x86_64", "armv7")
}


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
    known = RUNTIMES.get(cpu.architecture, ())
    if runtime.name not in known:
        expected = "; ".join(f"{', '.join(names)} on {each}" for each, names in RUNTIMES.items())
        raise OptionError(
            f"{device.name}: expected runtime.name and cpu.architecture of {expected}; got"
            f" {runtime.name} on {cpu.architecture}"
        )
    if cpu.emulator == "max":
        raise OptionError(
            f"{device.name}: cpu.emulator = 'max' computes int8 wrongly; name a processor"
        )
    if min(cpu.l1_data_kib, cpu.l2_kib) < 1:
        raise OptionError(f"{device.name}: expected cpu.l1_data_kib and cpu.l2_kib of at least 1")
    return cpu, runtime


def taking(device: Device, artifact: Artifact) -> Device:
    """Return the device with the runtime that takes a file.

    Raises:
        ArtifactError: it has none.
        OptionError: see ``declared``.
    """
    kind = kind_of(artifact)
    chosen = for_format(device, kind)
    _, runtime = declared(chosen)
    if takes(runtime.name, kind):
        return chosen
    if kind == WITH_STATE and takes(runtime.name, artifact.format):
        raise ArtifactError(
            f"{artifact.path}: it keeps state from one inference to the next, which"
            f" {runtime.name} of {device.name} does not run; give the device litert-interpreter in"
            " optional_runtimes"
        )
    known = ", ".join(sorted({FORMATS[name] for name in runtimes_of(device)}))
    raise ArtifactError(
        f"{artifact.path}: {device.name} takes {known} files, got {artifact.format};"
        f" convert the model with a {known.partition(',')[0]} target"
    )


class Kit:
    """All that one device needs, with one runtime."""

    def __init__(self, device: Device) -> None:
        self._name = device.name
        self.cpu, self.runtime = declared(device)
        way = Native if self.runtime.name in ENGINES else Userland
        self._way = way(self.cpu, self.runtime)

    def needs(self) -> list[Fetch]:
        """Return what ``install`` would bring or build."""
        return [each for part in self._parts() for each in part.needs()]

    def install(self, progress: Progress) -> None:
        """Bring and build everything.

        Raises:
            DeviceError: it cannot be fetched or built.
        """
        compiler()
        for part in self._parts():
            part.fetch(progress)
        demand_qemu(qemu_of(self.cpu), QEMU.root)

    def folders(self) -> list[str]:
        """Return the names of the store's folders that are used, and of earlier builds."""
        built = (self.cpu.architecture, "plugin")
        earlier = [name for each in built for name in store.alike(f"emulator-{each}-")]
        return list(dict.fromkeys([*(part.name for part in self._parts()), *earlier]))

    def tools(self) -> Tools:
        """Return where everything lies.

        Raises:
            DeviceError: something is not there.
        """
        if lacking := self.needs():
            names = ", ".join(each.package for each in lacking)
            command = f"edgekit devices install {self._name} --runtime {self.runtime.name}"
            raise DeviceError(f"{self._name}: not installed: {names}; {command}")
        return Tools(qemu=qemu_of(self.cpu), search=search(QEMU.root), program=self._way.program())

    def _parts(self) -> Sequence[Part]:
        return [QEMU, *self._way.parts()]
