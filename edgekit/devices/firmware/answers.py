"""Turns what the firmware did into figures, and the words that belong to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgekit.artifact import Artifact
from edgekit.auditing import AuditResult
from edgekit.devices.agreement import Arrays, agreement, doubts
from edgekit.devices.bare import bare
from edgekit.devices.capacity import shortages
from edgekit.devices.declaration import Device
from edgekit.devices.figures import Agreement, DeviceMeasurement, MemoryUse
from edgekit.devices.firmware.build import Built
from edgekit.devices.firmware.job import Answer
from edgekit.devices.firmware.run import Ran

REFERENCE = "ONNX Runtime on this host"
_NAMED = 4
_LATENCY = "not known: emulation has no caches, flash wait states or clock"


def refused(device: Device, artifact: Artifact, *, why: str) -> DeviceMeasurement:
    """Return a measurement of a file that cannot be firmware."""
    return replace(bare(device, artifact), misfits=(f"cannot become firmware: {why}",))


def measurement(
    device: Device, artifact: Artifact, *,
    audited: AuditResult, answer: Answer, built: Built, ran: Ran, outputs: Arrays, here: Arrays,
) -> DeviceMeasurement:  # fmt: skip
    """Return what is known of a file as firmware."""
    found = agreement(artifact, outputs, here, against=REFERENCE)
    flash, ram = built.text + built.data, built.data + built.bss + ran.stack_bytes
    memory = MemoryUse(
        artifact_kib=artifact.size_bytes / 1024,
        weights_kib=audited.weight_bytes / 1024,
        ram_kib=ram / 1024,
        flash_kib=flash / 1024,
    )
    return replace(
        bare(device, artifact),
        runtime={"emx-onnx-cgen": answer.version, "gcc": built.compiler},
        memory=memory,
        counts=ran.counts[0],
        agreement=found,
        bases={"memory": "counted", "counts": "counted"},
        facts=_facts(answer, built, ran),
        warnings=(*_numbers(answer), *doubts(found), *_other_class(found)),
        misfits=tuple(shortages(device, ram_kib=ram / 1024, flash_kib=flash / 1024)),
    )


def _facts(answer: Answer, built: Built, ran: Ran) -> Mapping[str, str]:
    told = {
        "latency": _LATENCY,
        "kernels": "portable C of emx-onnx-cgen, which keeps activations apart, all at once; a"
        " vendor's kernels take other instructions and less RAM",
        "flash": f"of the linked file: {built.text} bytes of code and constants, {built.data} of"
        f" data; {built.harness_text} of them are the harness that runs it here",
        "ram": f"of the linked file: {built.data} bytes of data, {built.bss} of buffers, which hold"
        f" inputs and outputs; {ran.stack_bytes} of stack were used, activations are there",
        "counts": "one inference, the first sample's; loads and stores are accesses",
    }
    every = [counts.instructions for counts in ran.counts]
    if len(set(every)) > 1:
        told["instructions of the samples"] = f"{min(every)} to {max(every)}"
    if answer.fused:
        told["numbers"] = "quantizing operators were fused into integer ones by ONNX Runtime"
    return told


def _numbers(answer: Answer) -> Sequence[str]:
    if not answer.in_float:
        return ()
    names, rest = answer.in_float[:_NAMED], len(answer.in_float) - _NAMED
    more = f" and {rest} more" if rest > 0 else ""
    return (
        f"the file is quantized, but {', '.join(names)}{more} computes in float here: its"
        " quantizing operators could not be fused",
    )


def _other_class(found: Agreement) -> Sequence[str]:
    if found.same_top1_share == 1.0:
        return ()
    return (
        f"the first class is the same in {found.same_top1_share:.1%} of {found.samples} samples,"
        f" outputs are up to {found.largest_difference:.3g} from those of {found.reference}",
    )
