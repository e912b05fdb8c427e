"""A page in a browser on this host."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit import runtimes
from edgekit.artifact import Artifact
from edgekit.bench.host import host_facts, load_average
from edgekit.devices import known_model
from edgekit.devices.agreement import default_samples, here
from edgekit.devices.backend import Fetch, Request, State, demand_sense
from edgekit.devices.browser import known_onnx
from edgekit.devices.browser.answers import Compared, measurement, misfit
from edgekit.devices.browser.fit import NAMES, misfits, refusal, require_known
from edgekit.devices.browser.job import asked
from edgekit.devices.browser.kit import Kit, kit_of
from edgekit.devices.browser.visit import TIMEOUT_S, Visit, visit
from edgekit.devices.declaration import Device
from edgekit.devices.figures import DeviceMeasurement
from edgekit.devices.stored import Samples, real_rows
from edgekit.errors import ArtifactError, DeviceError
from edgekit.files import scratch
from edgekit.progress import Progress

_ONLY_OUTPUTS = Request(warmup=0, min_runs=0, min_seconds=0.0)


class BrowserBackend:
    """Times inferences in a page of a fresh headless browser, and compares what it computes.

    Latencies are this host's: a phone's browser has another processor under it.
    """

    def state(self, device: Device) -> State:
        """Say whether a browser and the runtimes are there."""
        if sys.platform == "win32":
            return State(readiness="not here", why="expected Linux or macOS, got Windows")
        lacking = kit_of(device).needs()
        if not lacking:
            return State(readiness="ready")
        size = sum(each.size_mb for each in lacking)
        names = ", ".join(each.package for each in lacking)
        return State(readiness="needs install", why=f"lacks {names} ({size:.0f} MB)")

    def needs(self, device: Device) -> Sequence[Fetch]:
        """Return what ``install`` would fetch."""
        return kit_of(device).needs()

    def install(self, device: Device, progress: Progress) -> None:
        """Fetch the runtimes, and a browser unless the machine has one; see ``Backend``."""
        kit_of(device).install(progress)

    def folders(self, device: Device) -> Sequence[str]:
        """Return what it uses of the store; see ``Stores``."""
        return kit_of(device).folders()

    def check(self, device: Device) -> Sequence[str]:
        """Run a convolution in int8, and an ONNX file where onnx is installed; both are known."""
        try:
            wrong = self._known(device, "tflite", known_model.content(real_ports=True), known_model)
            if all(find_spec(name) for name in ("onnx", "onnxruntime")):
                wrong += self._known(device, "onnx", known_onnx.content(), known_onnx)
        except (DeviceError, ArtifactError) as error:
            return [str(error)]
        return wrong

    def _known(self, device: Device, kind: str, content: bytes, known: Any) -> list[str]:
        with scratch() as folder:
            path = folder / f"known.{kind}"
            path.write_bytes(content)
            artifact = runtimes.describe(path)
            found = self.outputs(device, artifact, {artifact.inputs[0].name: known.samples()})
        made = found[artifact.outputs[0].name]
        wrong = int(np.sum(made != known.expected()))
        return [f"{wrong} of {made.size} outputs of a known {kind} file are wrong"] if wrong else []

    def measure(self, device: Device, artifact: Artifact, request: Request) -> DeviceMeasurement:
        """Say what a file costs there; see ``Backend``."""
        demand_sense(request, most_seconds=TIMEOUT_S / 2)
        kit = self._ready(device, artifact)
        if why := misfits(artifact):
            return misfit(device, artifact, tuple(why))
        samples = request.samples or default_samples(artifact)
        reference = here(artifact, samples)
        job, inputs = asked(artifact, request, samples)
        before = load_average()
        seen = visit(kit, artifact, job, inputs)
        error = seen.answer.error
        if error is not None and error.stage != "runtime":
            return misfit(device, artifact, (refusal(artifact, error.stage, error.text),))
        compared = Compared(outputs=_real(artifact, samples, seen), reference=reference)
        host = host_facts(
            _versions(kit, artifact, seen), load_before=before, load_after=load_average()
        )
        return measurement(device, artifact, job=job, seen=seen, host=host, compared=compared)

    def outputs(
        self, device: Device, artifact: Artifact, samples: Mapping[str, NDArray[Any]]
    ) -> Mapping[str, NDArray[np.float32]]:
        """Return what the page computes; see ``Computes``."""
        kit = self._ready(device, artifact)
        if why := misfits(artifact):
            raise ArtifactError(f"{artifact.path}: {'; '.join(why)}")
        job, inputs = asked(artifact, _ONLY_OUTPUTS, samples)
        return _real(artifact, samples, visit(kit, artifact, job, inputs))

    def _ready(self, device: Device, artifact: Artifact) -> Kit:
        if (state := self.state(device)).readiness != "ready":
            raise DeviceError(f"{device.name}: {state.why}")
        require_known(device, artifact)
        return kit_of(device)


def _real(artifact: Artifact, samples: Samples, seen: Visit) -> dict[str, NDArray[np.float32]]:
    """Return the page's outputs, real values by name, a row a sample."""
    if (error := seen.answer.error) is not None:
        if error.stage == "runtime":
            raise DeviceError(f"{NAMES[artifact.format]} cannot be started: {error.text}")
        raise ArtifactError(f"{artifact.path}: {refusal(artifact, error.stage, error.text)}")
    return real_rows(artifact, samples, seen.outputs)


def _versions(kit: Kit, artifact: Artifact, seen: Visit) -> dict[str, str]:
    package = kit.packages["litert" if artifact.format == "tflite" else "ort"]
    return {package.name: package.version, "chromium": seen.browser.partition("/")[2]}
