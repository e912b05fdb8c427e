"""What every kind of device can be asked, and which code answers for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.devices.declaration import Device
from edgekit.devices.figures import DeviceMeasurement
from edgekit.errors import ArtifactError
from edgekit.progress import Progress
from edgekit.registry import Registry

Readiness = Literal["ready", "needs install", "unreachable", "not here"]


@dataclass(frozen=True, kw_only=True)
class State:
    """Whether a device can be measured on now; ``why`` says what is missing, on one line."""

    readiness: Readiness
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """One thing that installing brings: from where, by which name, and how large about, in MB."""

    source: Literal["apt", "pypi", "npm", "built here"]
    package: str
    version: str = ""
    size_mb: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Request:
    """How to measure.

    Args:
        threads: That one inference may use; None for 1 on hardware, and for what a modelled latency
            was fitted on.
        warmup: Inferences before, kept apart, on hardware.
        min_runs: Least number of inferences, on hardware.
        min_seconds: Least time in all, on hardware.
        operators: Whether each operator is told apart.
        samples: Inputs by name, real values, n rows each, on which outputs are compared with this
            host's; drawn from a fixed seed if None.
    """

    threads: int | None = None
    warmup: int = 10
    min_runs: int = 50
    min_seconds: float = 1.0
    operators: bool = True
    samples: Mapping[str, NDArray[Any]] | None = None


class Backend(Protocol):
    """The code behind a kind of device; it keeps no state between calls."""

    def state(self, device: Device) -> State:
        """Say whether the device can be measured on; quick, and fetches nothing."""

    def needs(self, device: Device) -> Sequence[Fetch]:
        """Return what ``install`` would bring that is not there yet."""

    def install(self, device: Device, progress: Progress) -> None:
        """Bring everything into the user's cache folder; again, it does nothing.

        Raises:
            DeviceError: it cannot be fetched or built; the text says what to do.
        """

    def check(self, device: Device) -> Sequence[str]:
        """Run something small whose answer is known; return what is wrong."""

    def measure(self, device: Device, artifact: Artifact, request: Request) -> DeviceMeasurement:
        """Say what a file costs there. The file is never changed.

        Raises:
            DeviceError: the device is not ready, was lost, or failed.
            ArtifactError: the file is not of a kind that the device takes.
        """


@runtime_checkable
class Computes(Protocol):
    """What a backend has besides, whose devices hand out what they computed."""

    def outputs(
        self, device: Device, artifact: Artifact, samples: Mapping[str, NDArray[Any]]
    ) -> Mapping[str, NDArray[np.float32]]:
        """Return the device's outputs, real values by name, n rows each.

        Args:
            device: Where.
            artifact: The file.
            samples: Real values by input name, n rows each.

        Raises:
            DeviceError: the device is not ready, was lost, or failed.
            ArtifactError: the file is not of a kind that the device takes.
            DataError: the samples do not fit the inputs.
        """


def require_tflite(device: Device, artifact: Artifact) -> None:
    """Refuse a file of another format.

    Raises:
        ArtifactError: it is one.
    """
    if artifact.format != "tflite":
        raise ArtifactError(
            f"{artifact.path}: {device.name} takes TFLite files, got {artifact.format};"
            " convert the model for the target tflite-int8"
        )


class Always:
    """Part of a backend that needs nothing: it is ready, and there is nothing to fetch or check."""

    def state(self, device: Device) -> State:
        """Return that it is ready."""
        return State(readiness="ready")

    def needs(self, device: Device) -> Sequence[Fetch]:
        """Return nothing."""
        return ()

    def install(self, device: Device, progress: Progress) -> None:
        """Do nothing."""

    def check(self, device: Device) -> Sequence[str]:
        """Return nothing: what could be wrong shows in each measurement."""
        return ()


KINDS = Registry(
    kind="kind of device",
    group="edgekit.devices",
    shipped={
        "host": "edgekit.devices.host:HostBackend",
        "emulated": "edgekit.devices.emulated:EmulatedBackend",
        "microcontroller": "edgekit.devices.microcontroller:MicrocontrollerBackend",
        "npu": "edgekit.devices.npu:NpuBackend",
        "firmware": "edgekit.devices.firmware:FirmwareBackend",
        "ssh": "edgekit.devices.remote.ssh:SshBackend",
        "adb": "edgekit.devices.remote.adb:AdbBackend",
        "fake": "edgekit.devices.fake:FakeBackend",
    },
)


def backend_of(device: Device) -> Backend:
    """Return the code behind a device.

    Raises:
        UnknownName: nothing answers for its kind yet.
    """
    made: Backend = KINDS.load(device.kind)()
    return made
