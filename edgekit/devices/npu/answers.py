"""Turns what Vela wrote into figures, and the words that belong to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgekit.artifact import Artifact
from edgekit.auditing import AuditResult
from edgekit.devices.bare import bare
from edgekit.devices.capacity import shortages
from edgekit.devices.declaration import Device
from edgekit.devices.figures import Basis, DeviceMeasurement, Latency, MemoryUse, OperatorCost
from edgekit.devices.npu.placement import NOWHERE, npu_share, operators
from edgekit.devices.npu.tables import Compiled
from edgekit.devices.versions import other_version

_LISTED = 4
_ESTIMATE = (
    "Vela's own, for comparing designs: its makers state no error, so there is no interval;"
    " operators on the CPU are not in it"
)
_NONE = "not known: Vela does not estimate what runs on the CPU"
_USED: Mapping[str, Basis] = {
    "latency": "estimated",
    "cycles": "estimated",
    "memory": "estimated",
    "operators": "estimated",
}
_UNUSED: Mapping[str, Basis] = {"memory": "computed", "operators": "computed"}


def measurement(
    device: Device, artifact: Artifact, *, audited: AuditResult, compiled: Compiled, version: str
) -> DeviceMeasurement:
    """Return what is known of a file on an NPU.

    Raises:
        DeviceError: the compiler's tables are not about this file.
    """
    placed = operators(compiled, audited)
    used = any(row.where == "npu" for row in compiled.rows)
    memory = _memory(artifact, compiled) if used else _stored(artifact, audited)
    return replace(
        bare(device, artifact),
        runtime={"ethos-u-vela": version},
        latency=_latency(compiled) if used else None,
        cycles=compiled.cycles if used else None,
        npu_share=npu_share(placed, audited),
        memory=memory,
        operators=placed,
        bases=_USED if used else _UNUSED,
        facts=_facts(compiled, placed, used=used),
        warnings=(
            *other_version(device, {"ethos-u-vela": version}),
            *_warnings(placed, audited, used=used),
        ),
        misfits=tuple(
            shortages(device, ram_kib=memory.ram_kib or 0.0, flash_kib=memory.flash_kib or 0.0)
        ),
    )


def refused(
    device: Device, artifact: Artifact, *, audited: AuditResult, why: str
) -> DeviceMeasurement:
    """Return that Vela does not compile a file."""
    return replace(
        bare(device, artifact),
        memory=_stored(artifact, audited),
        misfits=(f"ethos-u-vela cannot compile the file: {why}",),
    )


def _latency(compiled: Compiled) -> Latency:
    ms = compiled.inference_s * 1e3
    return Latency(ms=ms, low_ms=None, high_ms=None, basis="estimated")


def _memory(artifact: Artifact, compiled: Compiled) -> MemoryUse:
    used = compiled.used_kib
    return MemoryUse(
        artifact_kib=artifact.size_bytes / 1024,
        weights_kib=compiled.weights_bytes / 1024,
        ram_kib=used["sram"] + used["dram"],
        flash_kib=used["on_chip_flash"] + used["off_chip_flash"],
    )


def _stored(artifact: Artifact, audited: AuditResult) -> MemoryUse:
    return MemoryUse(
        artifact_kib=artifact.size_bytes / 1024, weights_kib=audited.weight_bytes / 1024
    )


def _facts(compiled: Compiled, placed: Sequence[OperatorCost], *, used: bool) -> dict[str, str]:
    on = sum(one.where == "npu" for one in placed)
    nowhere = sum(one.where == NOWHERE for one in placed)
    return {
        "latency": _ESTIMATE if used else _NONE,
        "accelerator": compiled.accelerator,
        "system config": compiled.system_config,
        "memory mode": compiled.memory_mode,
        "clock_mhz": f"{compiled.clock_hz / 1e6:g}",
        "operators on the NPU": f"{on} of {len(placed) - nowhere}, {nowhere} merged or left out",
        "multiply-accumulates": str(compiled.macs),
        "compiled_kib": f"{compiled.compiled_bytes / 1024:.1f}",
        **{f"{area}_kib": f"{kib:.1f}" for area, kib in compiled.used_kib.items() if kib},
    }


def _warnings(
    placed: Sequence[OperatorCost], audited: AuditResult, *, used: bool
) -> tuple[str, ...]:
    away = [one for one in placed if one.where in ("cpu", "cpu+npu")]
    if not used:
        computes = sorted({one.precision for one in audited.operators if one.numbers == "float"})
        kind = f"the file computes in {' and in '.join(computes)}; " if computes else ""
        return (
            f"nothing runs on the NPU: {kind}it takes int8 and int16 only; convert the model for"
            " the target tflite-int8",
        )
    if not away:
        return ()
    names = [f"{one.kind} of {one.layer}" for one in away[:_LISTED]]
    rest = f" and {len(away) - _LISTED} more" if len(away) > _LISTED else ""
    return (
        f"{len(away)} of {len(placed)} operators stay on the CPU, whose time is not in the"
        f" estimate: {', '.join(names)}{rest}",
    )
