"""Ethos-U NPUs, answered by Vela, Arm's compiler for them."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit import runtimes
from edgekit.artifact import Artifact
from edgekit.auditing import audit
from edgekit.devices import known_model
from edgekit.devices.backend import Fetch, Request, State, require_tflite
from edgekit.devices.declaration import Accelerator, Device
from edgekit.devices.figures import DeviceMeasurement
from edgekit.devices.npu.answers import measurement, refused
from edgekit.devices.npu.compile import compile_copy, vela
from edgekit.errors import DeviceError, OptionError
from edgekit.files import scratch
from edgekit.progress import Progress


class NpuBackend:
    """Says what the compiler makes of a file; every time and cycle is the compiler's estimate."""

    def state(self, device: Device) -> State:
        """Say whether Vela is there."""
        wanted = vela(device).missing()
        if not wanted:
            return State(readiness="ready")
        return State(readiness="needs install", why=f"lacks ethos-u-vela {wanted[0].version}")

    def needs(self, device: Device) -> Sequence[Fetch]:
        """Return the packages that are missing."""
        return vela(device).needs()

    def install(self, device: Device, progress: Progress) -> None:
        """Fetch Vela; see ``Backend``."""
        vela(device).install(progress)

    def folders(self, device: Device) -> Sequence[str]:
        """Return what it uses of the store; see ``Stores``."""
        return [vela(device).name]

    def check(self, device: Device) -> Sequence[str]:
        """Compile a file of one int8 convolution, which has to come out on the NPU."""
        with scratch() as folder:
            path = folder / "known.tflite"
            path.write_bytes(known_model.content())
            found = self.measure(device, runtimes.describe(path), Request())
        wrong = list(found.misfits)
        if found.npu_share != 1.0:
            wrong.append(f"expected a known convolution on the NPU, got {found.npu_share}")
        if (macs := found.facts.get("multiply-accumulates")) != str(known_model.MACS):
            wrong.append(f"expected {known_model.MACS} multiply-accumulates, got {macs}")
        return wrong

    def measure(self, device: Device, artifact: Artifact, request: Request) -> DeviceMeasurement:
        """Say what a file costs there; see ``Backend``."""
        accelerator = _accelerator(device)
        if (state := self.state(device)).readiness != "ready":
            raise DeviceError(f"{device.name}: {state.why}; edgekit devices install brings it")
        require_tflite(device, artifact)
        audited = audit(artifact.path, packed=False)
        outcome = compile_copy(artifact, accelerator, tool=vela(device))
        if outcome.compiled is None:
            return refused(device, artifact, audited=audited, why=outcome.refusal)
        return measurement(
            device, artifact, audited=audited, compiled=outcome.compiled, version=outcome.version
        )


def _accelerator(device: Device) -> Accelerator:
    if device.accelerator is None:
        raise OptionError(
            f"{device.name}: a device of kind npu needs [accelerator] with config, such as"
            ' "ethos-u55-128"'
        )
    return device.accelerator
