"""Turns what TensorFlow Lite Micro did into figures, and the words that belong to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edgekit.artifact import Artifact
from edgekit.auditing import AuditResult
from edgekit.devices.agreement import agreement
from edgekit.devices.bare import bare
from edgekit.devices.capacity import block_kib, others_with_room, shortages
from edgekit.devices.declaration import Device
from edgekit.devices.figures import Agreement, Basis, DeviceMeasurement, MemoryUse, OperatorCost
from edgekit.devices.microcontroller.ask import Told
from edgekit.devices.microcontroller.job import Answer
from edgekit.devices.microcontroller.refusal import refusals
from edgekit.devices.versions import other_version

CORE_KIB = 16
REFERENCE = "TFLite reference kernels on this host"
_LATENCY = (
    "not known: TensorFlow Lite Micro ran on this host, whose time says nothing of a"
    " microcontroller's"
)
_FLASH = (
    f"the file and {CORE_KIB} KiB for the interpreter (its makers' figure for a Cortex-M3), without"
    " kernels and application: a lower bound"
)
_RAM = (
    "the arena, which holds inputs and outputs too, without stack and application; pointers take 8"
    " bytes here and 4 there, so it is an upper bound"
)
_ROUNDING = (
    ". Known: sums of FULLY_CONNECTED are rounded twice there and once here, 1 step apart at times,"
    " which a softmax widens"
)


def measurement(
    device: Device, artifact: Artifact, *, audited: AuditResult, told: Told
) -> DeviceMeasurement:
    """Return what is known of a file on a board."""
    answer = told.answer
    found = _agreement(artifact, told)
    memory = _memory(artifact, audited, answer)
    misfits = refusals(answer, audited) or _shortages(device, memory, answer)
    return replace(
        bare(device, artifact),
        runtime={"tflite-micro": answer.version},
        memory=memory,
        operators=tuple(
            OperatorCost(index=one.index, kind=one.kind, layer=one.layer)
            for one in audited.operators
        ),
        agreement=found,
        bases=_bases(answer),
        facts=_facts(device, memory, answer, audited),
        warnings=(
            *other_version(device, {"tflite-micro": answer.version}),
            *told.notes,
            *_doubts(found, audited),
            *_open_shapes(artifact),
            *_close(device, memory, answer),
        ),
        misfits=tuple(misfits),
    )


def least_bytes(answer: Answer) -> int | None:
    """Return a lower bound of the arena where pointers have 4 bytes.

    What is planned for tensors stays; of the rest nothing shrinks by more than a half.
    """
    if answer.arena_bytes is None or answer.tensor_bytes is None:
        return None
    return answer.tensor_bytes + (answer.arena_bytes - answer.tensor_bytes) // 2


def _memory(artifact: Artifact, audited: AuditResult, answer: Answer) -> MemoryUse:
    stored = MemoryUse(
        artifact_kib=artifact.size_bytes / 1024, weights_kib=audited.weight_bytes / 1024
    )
    if answer.refusal or answer.arena_bytes is None:
        return stored
    arena = answer.arena_bytes / 1024
    flash = stored.artifact_kib + CORE_KIB
    return replace(stored, arena_kib=arena, ram_kib=arena, flash_kib=flash)


def _agreement(artifact: Artifact, told: Told) -> Agreement | None:
    if told.outputs is None or told.reference is None:
        return None
    return agreement(artifact, told.outputs, told.reference, against=REFERENCE)


def _doubts(found: Agreement | None, audited: AuditResult) -> tuple[str, ...]:
    """Warn where integers differ from the reference kernels'; float kernels may, by rounding."""
    whole = audited.integer_mac_share == 1.0
    if found is None or not (found.largest_steps or (whole and found.identical_share < 1.0)):
        return ()
    apart = (
        f"{found.largest_steps} steps" if found.largest_steps else f"{found.largest_difference:g}"
    )
    dense = any(one.kind == "FULLY_CONNECTED" for one in audited.operators)
    return (
        f"outputs are up to {apart} from those of {found.reference}, {found.identical_share:.1%}"
        f" are the same, as is the first class in {found.same_top1_share:.1%} of samples"
        f"{_ROUNDING if dense else ''}; score the file on real data before shipping it",
    )


def _shortages(device: Device, memory: MemoryUse, answer: Answer) -> list[str]:
    """Say what is too little for sure: RAM by the lower bound, where there is one."""
    least = least_bytes(answer)
    needed = memory.ram_kib or 0.0
    if least is not None and least / 1024 <= block_kib(device):
        needed = 0.0
    return shortages(device, ram_kib=needed, flash_kib=memory.flash_kib or 0.0)


def _close(device: Device, memory: MemoryUse, answer: Answer) -> tuple[str, ...]:
    """Warn where the board has less than the upper bound, and no less than the lower one."""
    least, block = least_bytes(answer), block_kib(device)
    if least is None or memory.ram_kib is None or not least / 1024 <= block < memory.ram_kib:
        return ()
    return (
        f"cannot tell whether the arena fits: it takes between {least / 1024:.1f} and"
        f" {memory.ram_kib:.1f} KiB, {device.name} has {block} KiB; load it on the board",
    )


def _open_shapes(artifact: Artifact) -> tuple[str, ...]:
    varying = [spec.name for spec in artifact.inputs if None in spec.shape[1:]]
    if not varying:
        return ()
    named = ", ".join(varying)
    return (f"inputs {named} have open dimensions, which TensorFlow Lite Micro takes as 1",)


def _bases(answer: Answer) -> Mapping[str, Basis]:
    bases: dict[str, Basis] = {"operators": "computed"}
    return bases if answer.refusal else bases | {"memory": "computed"}


def _facts(
    device: Device, memory: MemoryUse, answer: Answer, audited: AuditResult
) -> dict[str, str]:
    kinds = sorted({operator.kind for operator in audited.operators})
    facts = {
        "latency": _LATENCY,
        "kernels": "TensorFlow Lite Micro's portable ones; those of a vendor may differ",
        "operators to register": " ".join(kinds),
    }
    if answer.arena_bytes is None or memory.ram_kib is None or memory.flash_kib is None:
        return facts
    room = others_with_room(device, ram_kib=memory.ram_kib, flash_kib=memory.flash_kib)
    least = least_bytes(answer)
    return facts | {
        "ram": _RAM,
        "flash": _FLASH,
        "arena_bytes": str(answer.arena_bytes),
        "arena_bytes at least": "not known" if least is None else str(least),
        "arena_bytes for tensors": str(answer.tensor_bytes),
        "other boards with room": ", ".join(room) or "none of those shipped",
    }
