"""The backend of firmware: writes, compiles, runs, and compares with this host."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact, TensorSpec
from edgekit.auditing import audit
from edgekit.devices.agreement import default_samples, here
from edgekit.devices.backend import Fetch, Request, State
from edgekit.devices.declaration import Device
from edgekit.devices.figures import DeviceMeasurement
from edgekit.devices.firmware.answers import measurement, refused
from edgekit.devices.firmware.build import Built, build
from edgekit.devices.firmware.job import Answer
from edgekit.devices.firmware.machines import Machine, declared
from edgekit.devices.firmware.run import Ran, byte_sizes, run
from edgekit.devices.firmware.tools import Kit, generator
from edgekit.devices.provision.packages import last_line
from edgekit.devices.stored import stored_batches
from edgekit.errors import ArtifactError, DeviceError
from edgekit.files import scratch
from edgekit.progress import Progress
from edgekit.runtimes import feed
from edgekit.runtimes.feed import to_real

_TIMEOUT_S = 600.0
_TASK = "edgekit.devices.firmware.worker:main"
Samples = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class _Done:
    answer: Answer
    built: Built | None = None
    ran: Ran | None = None


class FirmwareBackend:
    """Says what a file costs as C on a Cortex-M; never how long it takes."""

    def state(self, device: Device) -> State:
        """Say whether generator, compiler and emulator are there."""
        declared(device)
        if not (wanted := Kit(device).needs()):
            return State(readiness="ready")
        if sys.platform != "linux":
            why = f"compiler and emulator come as Debian packages, not for {platform.platform()}"
            return State(readiness="not here", why=why)
        named = ", ".join(each.package for each in wanted)
        return State(readiness="needs install", why=f"lacks {named}")

    def needs(self, device: Device) -> Sequence[Fetch]:
        """Return what is missing."""
        return Kit(device).needs()

    def install(self, device: Device, progress: Progress) -> None:
        """Fetch and build everything; see ``Backend``."""
        declared(device)
        Kit(device).install(progress)

    def folders(self, device: Device) -> Sequence[str]:
        """Return what it uses of the store; see ``Stores``."""
        return Kit(device).folders()

    def check(self, device: Device) -> Sequence[str]:
        """Run a file of one product, whose outputs are known."""
        from edgekit.devices.firmware import known_file

        with scratch() as folder:
            artifact = known_file.write(folder / "known.onnx")
            found = self.outputs(device, artifact, known_file.samples())
        wrong = int(np.sum(found[artifact.outputs[0].name] != known_file.expected()))
        return [f"{wrong} outputs of a known file are wrong"] if wrong else []

    def measure(self, device: Device, artifact: Artifact, request: Request) -> DeviceMeasurement:
        """Say what a file costs there; see ``Backend``."""
        samples = request.samples or default_samples(_of_one(artifact))
        done = self._done(device, artifact, samples)
        if done.built is None or done.ran is None:
            return refused(device, artifact, why=done.answer.refusal)
        outputs, wanted = _real(artifact, samples, done.ran), here(artifact, samples)
        for name, array in wanted.items():
            if array.shape != outputs[name].shape:
                came = f"of shape {outputs[name].shape}, {array.shape} on this host"
                return refused(device, artifact, why=f"output {name!r} is {came}")
        return measurement(
            device, artifact,
            audited=audit(artifact.path, packed=False),
            answer=done.answer,
            built=done.built,
            ran=done.ran,
            outputs=outputs,
            here=wanted,
        )  # fmt: skip

    def outputs(
        self, device: Device, artifact: Artifact, samples: Samples
    ) -> Mapping[str, NDArray[np.float32]]:
        """Return the firmware's outputs; see ``Computes``."""
        done = self._done(device, artifact, samples)
        if done.ran is None:
            raise ArtifactError(f"{artifact.path}: {done.answer.refusal}")
        return _real(artifact, samples, done.ran)

    def _done(self, device: Device, artifact: Artifact, samples: Samples) -> _Done:
        _, machine = declared(device)
        if (state := self.state(device)).readiness != "ready":
            raise DeviceError(f"{device.name}: {state.why}")
        _require_onnx(device, artifact)
        batches = stored_batches(_of_one(artifact), samples)
        with scratch() as folder:
            answer = _as_c(device, artifact, folder)
            if answer.refusal:
                return _Done(answer=answer)
            try:
                built, ran = _on_board(artifact, machine, folder, batches)
            except ArtifactError as error:
                return _Done(answer=replace(answer, refusal=str(error)))
            return _Done(answer=answer, built=built, ran=ran)


def _on_board(
    artifact: Artifact, machine: Machine, folder: Path, batches: list[list[NDArray[Any]]]
) -> tuple[Built, Ran]:
    ends = byte_sizes(artifact.inputs), byte_sizes(artifact.outputs)
    built = build(folder, machine, ends=ends, samples=len(batches))
    return built, run(folder, machine, built, batches=batches, outputs=artifact.outputs)


def _as_c(device: Device, artifact: Artifact, folder: Path) -> Answer:
    path = str(artifact.path.resolve())
    done = generator(device).run(_TASK, path, timeout_s=_TIMEOUT_S, folder=folder)
    if done.returncode:
        raise DeviceError(f"{artifact.path}: writing it as C failed: {last_line(done.stderr)}")
    try:
        return Answer.decode(done.stdout)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeviceError("emx-onnx-cgen: its process gave no answer; try again") from error


def _require_onnx(device: Device, artifact: Artifact) -> None:
    if artifact.format != "onnx":
        raise ArtifactError(
            f"{artifact.path}: {device.name} takes ONNX files, got {artifact.format};"
            " convert the model for the target onnx-int8"
        )


def _of_one(artifact: Artifact) -> Artifact:
    """Return the artifact as firmware takes it: one sample at a time."""
    return replace(artifact, inputs=tuple(_one(spec) for spec in artifact.inputs))


def _one(spec: TensorSpec) -> TensorSpec:
    return replace(spec, shape=(spec.shape[0] or 1, *spec.shape[1:]) if spec.shape else ())


def _real(artifact: Artifact, samples: Samples, ran: Ran) -> dict[str, NDArray[np.float32]]:
    """Return real values by output name, n rows each, cut to the samples as on this host."""
    left = iter(ran.outputs)

    def call(_: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        stored = zip(artifact.outputs, next(left), strict=True)
        return {spec.name: to_real(array, spec) for spec, array in stored}

    return feed.run_batches(_of_one(artifact).inputs, samples, call)
