"""Boards with Linux, emulated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from edgekit import runtimes
from edgekit.artifact import Artifact
from edgekit.auditing import AuditResult
from edgekit.devices.backend import Fetch, Outputs, Request, Samples, State
from edgekit.devices.bare import bare
from edgekit.devices.declaration import Device
from edgekit.devices.emulated import probe
from edgekit.devices.emulated.building import qemu_version
from edgekit.devices.emulated.cost import is_beyond_fit, modelled
from edgekit.devices.emulated.inference import computed, computed_in_parts, remembers, studied
from edgekit.devices.emulated.part import Tools
from edgekit.devices.emulated.tools import Kit, declared, taking
from edgekit.devices.figures import Basis, Counts, DeviceMeasurement, Latency, MemoryUse
from edgekit.devices.operators.file import FileOperators
from edgekit.devices.runtime_choice import FORMATS, runtimes_of, with_runtime
from edgekit.errors import ArtifactError, DeviceError, MissingExtra
from edgekit.files import scratch
from edgekit.progress import Progress

# Whose counts every cost model was fitted on, and what runs its kernels for files with state: these
# are others.
_FITTED, _STATEFUL = "ai-edge-litert", "litert-interpreter"
_SAMPLES = 64  # a process: it starts in half a second, and may take half an hour


class EmulatedBackend:
    """Runs runtimes of the device's architecture under qemu, and counts.

    Counts are of one inference with one thread, after one that warmed the caches up: exact, and the
    same on every machine. How long emulation takes is never told.
    """

    def state(self, device: Device) -> State:
        """Say whether everything is there."""
        lacking = Kit(device).needs()
        if not lacking:
            return State(readiness="ready")
        size = sum(each.size_mb for each in lacking)
        names = ", ".join(each.package for each in lacking)
        return State(readiness="needs install", why=f"lacks {names} ({size:.0f} MB)")

    def needs(self, device: Device) -> Sequence[Fetch]:
        """Return what ``install`` would fetch and build."""
        return Kit(device).needs()

    def install(self, device: Device, progress: Progress) -> None:
        """Fetch qemu, a cross compiler and the runtime; build the runner and the plugin.

        Raises:
            DeviceError: something cannot be fetched or built; what was is kept for the next try.
        """
        Kit(device).install(progress)

    def folders(self, device: Device) -> Sequence[str]:
        """Return what it uses of the store; see ``Stores``."""
        return Kit(device).folders()

    def check(self, device: Device) -> Sequence[str]:
        """Run a tiny layer whose outputs are known, in every runtime that is installed.

        Return what is wrong.
        """
        said = []
        for name in runtimes_of(device):
            chosen = with_runtime(device, name)
            if chosen.runtime == device.runtime or not Kit(chosen).needs():
                said += _checked(chosen)
        return said

    def measure(self, device: Device, artifact: Artifact, request: Request) -> DeviceMeasurement:
        """Count what a file costs; see ``Backend``."""
        device = taking(device, artifact)
        cpu, runtime = declared(device)
        tools = Kit(device).tools()
        file = FileOperators.read(artifact.path)
        found = studied(cpu, tools, artifact, file, request)
        bases: dict[str, Basis] = {"counts": "counted", "memory": "computed"}
        if found.operators:
            bases["operators"] = "counted"
        latency = _latency(device, found.counts, file.audited, request)
        if latency is not None:
            bases["latency"] = "modelled"
        return replace(
            bare(device, artifact),
            memory=MemoryUse(
                artifact_kib=artifact.size_bytes / 1024,
                weights_kib=file.audited.weight_bytes / 1024,
            ),
            runtime={runtime.name: runtime.version},
            latency=latency,
            counts=found.counts,
            operators=found.operators,
            agreement=found.agreement,
            bases=bases,
            facts=_facts(device, tools),
            warnings=(*found.warnings, *_weak_model(device, found.counts)),
        )

    def outputs(self, device: Device, artifact: Artifact, samples: Samples) -> Outputs:
        """Run samples, many in one process; see ``Computes``."""
        device = taking(device, artifact)
        cpu, _ = declared(device)
        most = 1 if remembers(artifact) else _SAMPLES
        return computed_in_parts(cpu, Kit(device).tools(), artifact, samples, most=most)


def _latency(
    device: Device, counts: Counts, audited: AuditResult, request: Request
) -> Latency | None:
    """Return a modelled latency, where the device has a model of it."""
    cpu, runtime = declared(device)
    if device.cost is None or runtime.name not in (_FITTED, _STATEFUL):
        return None
    threads = min(request.threads or device.cost.threads, cpu.cores)
    working = [one for one in audited.operators if not one.precision.startswith("constant")]
    return modelled(
        counts, device.cost, threads, clock_mhz=cpu.clock_mhz, operators=len(working),
        guessed=runtime.name == _STATEFUL,
    )  # fmt: skip


def _weak_model(device: Device, counts: Counts) -> Iterator[str]:
    """Say what keeps a modelled latency from being worth much."""
    if device.cost is None or (name := declared(device)[1].name) not in (_FITTED, _STATEFUL):
        return
    if device.cost.borrowed:
        yield (
            f"the modelled latency uses the cycles of {device.cost.borrowed}, for want of published"
            " figures: compare files by it, not devices"
        )
    if name == _STATEFUL:
        yield (
            "the modelled latency is a guess: its cost was fitted on files without state, whose"
            " kernels are others; compare instructions"
        )
    elif is_beyond_fit(counts, device.cost):
        yield (
            f"the modelled latency is a guess: {counts.instructions:,} instructions are fewer than"
            f" the {device.cost.fitted_from:,} of the smallest model that its cost was fitted on;"
            " compare instructions"
        )


def _checked(device: Device) -> list[str]:
    try:
        tools, kind = Kit(device).tools(), FORMATS[declared(device)[1].name]
        with scratch() as folder:
            suffix = next(suffix for suffix, held in runtimes.SUFFIXES.items() if held == kind)
            path = folder / f"probe{suffix}"
            probe.make(path)
            return _wrong(device, tools, runtimes.describe(path))
    except (DeviceError, ArtifactError, MissingExtra) as error:
        return [str(error)]


def _wrong(device: Device, tools: Tools, artifact: Artifact) -> list[str]:
    cpu, _ = declared(device)
    rows = np.random.default_rng(0).integers(-127, 128, (4, probe.WIDTH)) * probe.SCALE
    found = computed(cpu, tools, artifact, {"in": rows.astype(np.float32)})["out"]
    expected = rows[:, ::-1]
    if np.array_equal(found, expected):
        return []
    lost = int((found != expected).sum())
    return [
        f"{device.name} computes wrongly: {lost} of {expected.size} outputs of an int8 layer are"
        f" not what they must be; cpu.emulator = {cpu.emulator!r} may name another processor"
    ]


def _why_no_latency(device: Device) -> str:
    if device.cost is None:
        return ""
    _, runtime = declared(device)
    if runtime.name in (_FITTED, _STATEFUL):
        return ""
    return f"not modelled: the cost was fitted on {_FITTED}"


def _facts(device: Device, tools: Tools) -> dict[str, str]:
    cpu, _ = declared(device)
    facts = {
        "emulator": f"qemu-user {qemu_version(tools.qemu, tools.search)}",
        "emulated cpu": cpu.emulator,
        "cpu": cpu.model,
        "cpu part": f"{cpu.part} variant {cpu.variant}" if cpu.part else "",
        "cpu features": " ".join(cpu.features),
        "L1 data": f"{cpu.l1_data_kib} KiB, {cpu.l1_ways} ways, {cpu.line_bytes} bytes a line",
        "L2": f"{cpu.l2_kib} KiB, {cpu.l2_ways} ways, {cpu.line_bytes} bytes a line",
        "clock_mhz": str(cpu.clock_mhz or ""),
        "threads counted": "1",
        "latency": _why_no_latency(device),
    }
    return {name: text for name, text in facts.items() if text}
