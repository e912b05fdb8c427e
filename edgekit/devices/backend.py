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
from edgekit.devices.kinds import KINDS
from edgekit.errors import ArtifactError, OptionError
from edgekit.progress import Progress

Samples = Mapping[str, NDArray[Any]]
"""Real values by input name, n rows each."""
Outputs = Mapping[str, NDArray[np.float32]]
"""Real values by output name, n rows each."""

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
class Manner:
    """How to measure.

    Args:
        threads: That one inference may use; None for 1 on hardware, and for what a modelled latency
            was fitted on.
        warmup: Inferences before, kept apart, on hardware.
        min_runs: Least number of inferences, on hardware.
        min_seconds: Least time in all, on hardware.
        operators: Whether each operator is told apart.
    """

    threads: int | None = None
    warmup: int = 10
    min_runs: int = 50
    min_seconds: float = 1.0
    operators: bool = True


@dataclass(frozen=True, kw_only=True)
class Request(Manner):
    """How to measure, and on what.

    Args:
        samples: Inputs by name, real values, n rows each, on which outputs are compared with this
            host's; drawn from a fixed seed if None.
    """

    samples: Mapping[str, NDArray[Any]] | None = None


def demand_sense(request: Request, *, most_seconds: float) -> None:
    """Refuse to measure by numbers that mean nothing, or that would take too long.

    Raises:
        OptionError: a number is out of range.
    """
    threads = 1 if request.threads is None else request.threads
    if threads < 1 or request.min_runs < 1 or request.warmup < 0:
        raise OptionError(
            "expected threads >= 1, min_runs >= 1 and warmup >= 0, got"
            f" {threads}, {request.min_runs}, {request.warmup}"
        )
    if not 0 <= request.min_seconds <= most_seconds:
        raise OptionError(
            f"expected min_seconds in 0..{most_seconds:g}, got {request.min_seconds:g}"
        )


_ASKED = ("state", "needs", "install", "check", "measure")


@runtime_checkable
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

    def outputs(self, device: Device, artifact: Artifact, samples: Samples) -> Outputs:
        """Return the device's outputs, real values by name, n rows each.

        Samples do not depend on each other: state starts anew with each.

        Args:
            device: Where.
            artifact: The file.
            samples: Real values by input name, n rows each.

        Raises:
            DeviceError: the device is not ready, was lost, or failed.
            ArtifactError: the file is not of a kind that the device takes.
            DataError: the samples do not fit the inputs.
        """


@runtime_checkable
class Stores(Protocol):
    """What a backend has besides, whose ``install`` puts folders into the store."""

    def folders(self, device: Device) -> Sequence[str]:
        """Return the names of the store's folders that the device uses, there or not.

        Those of its ``runtime`` alone: for another one it is asked with that in its place.
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


def backend_of(device: Device) -> Backend:
    """Return the code behind a device.

    Raises:
        UnknownName: nothing answers for its kind; the nearest is suggested.
        OptionError: a plugin answers for it that cannot be loaded, or is no backend.
    """
    made = KINDS.load(device.kind)
    made = made() if callable(made) else made
    if not isinstance(made, Backend):
        lacking = [name for name in _ASKED if not hasattr(made, name)]
        raise OptionError(
            f"kind of device {device.kind!r}: expected its plugin to be a backend, it lacks"
            f" {', '.join(lacking)}: see edgekit.devices.backend.Backend"
        )
    return made
