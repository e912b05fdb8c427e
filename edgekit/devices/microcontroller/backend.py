"""Microcontrollers, answered by TensorFlow Lite Micro itself, built for this host."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence

import numpy as np

from edgekit import runtimes
from edgekit.artifact import Artifact
from edgekit.auditing import audit
from edgekit.devices import known_model
from edgekit.devices.agreement import default_samples
from edgekit.devices.backend import Fetch, Outputs, Request, Samples, State, require_tflite
from edgekit.devices.declaration import Device
from edgekit.devices.figures import DeviceMeasurement
from edgekit.devices.microcontroller.answers import measurement
from edgekit.devices.microcontroller.ask import ask, computed, micro
from edgekit.errors import DeviceError
from edgekit.files import scratch
from edgekit.progress import Progress


class MicrocontrollerBackend:
    """Says what a file needs, whether it runs and computes the same; never how long it takes."""

    def state(self, device: Device) -> State:
        """Say whether TensorFlow Lite Micro is there."""
        wanted = micro(device).missing()
        if not wanted:
            return State(readiness="ready")
        if sys.platform != "linux" or platform.machine() != "x86_64":
            why = f"tflite-micro is published for Linux on x86-64, not {platform.platform()}"
            return State(readiness="not here", why=why)
        named = " and ".join(f"{package.name} {package.version}" for package in wanted)
        return State(readiness="needs install", why=f"lacks {named}")

    def needs(self, device: Device) -> Sequence[Fetch]:
        """Return the packages that are missing."""
        return micro(device).needs()

    def install(self, device: Device, progress: Progress) -> None:
        """Fetch TensorFlow Lite Micro; see ``Backend``."""
        micro(device).install(progress)

    def folders(self, device: Device) -> Sequence[str]:
        """Return what it uses of the store; see ``Stores``."""
        return [micro(device).name]

    def check(self, device: Device) -> Sequence[str]:
        """Run a file of one convolution, whose outputs are known."""
        self._require(device)
        with scratch() as folder:
            path = folder / "known.tflite"
            path.write_bytes(known_model.content())
            artifact = runtimes.describe(path)
            told = ask(
                artifact, {artifact.inputs[0].name: known_model.samples()}, tool=micro(device)
            )
        if told.outputs is None:
            return [f"tflite-micro refuses a known file: {'; '.join(told.answer.refusal)}"]
        found = told.outputs[artifact.outputs[0].name]
        wrong = int(np.sum(found != known_model.expected()))
        return [f"{wrong} of {found.size} outputs of a known file are wrong"] if wrong else []

    def measure(self, device: Device, artifact: Artifact, request: Request) -> DeviceMeasurement:
        """Say what a file needs there; see ``Backend``."""
        self._require(device)
        require_tflite(device, artifact)
        audited = audit(artifact.path, packed=False)
        samples = request.samples or default_samples(artifact)
        told = ask(artifact, samples, tool=micro(device))
        return measurement(device, artifact, audited=audited, told=told)

    def outputs(self, device: Device, artifact: Artifact, samples: Samples) -> Outputs:
        """Run samples in TensorFlow Lite Micro; see ``Computes``."""
        self._require(device)
        require_tflite(device, artifact)
        return computed(artifact, samples, tool=micro(device))

    def _require(self, device: Device) -> None:
        state = self.state(device)
        if state.readiness != "ready":
            raise DeviceError(f"{device.name}: {state.why}; edgekit devices install brings it")
