"""Runs one file on an emulated board, and puts together what its processes found."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit import runtimes
from edgekit.artifact import Artifact
from edgekit.cpu import cpu_facts
from edgekit.devices.agreement import SAMPLES, agreement, default_samples
from edgekit.devices.backend import Request
from edgekit.devices.declaration import Cpu
from edgekit.devices.doubt import warnings_of
from edgekit.devices.emulated import onnx_profile, openvino_profile
from edgekit.devices.emulated.exchange import feed_of, outputs_of
from edgekit.devices.emulated.job import Result, Run, Task
from edgekit.devices.emulated.lines import Counted, Figures, counts_of
from edgekit.devices.emulated.part import Program, Tools
from edgekit.devices.emulated.spans import spans, watched
from edgekit.devices.figures import Agreement, Counts, OperatorCost
from edgekit.devices.operators.file import FileOperators
from edgekit.devices.operators.ran import outside
from edgekit.devices.reference_kernels import reference_outputs
from edgekit.devices.state import state_of
from edgekit.errors import DeviceError
from edgekit.files import scratch

_LARGE = 50_000_000  # multiply-accumulates from which on emulating takes seconds
_APART, _FEW = 0.005, 1_000_000

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one file costs, and whether it computes there what it computes here."""

    counts: Counts
    operators: tuple[OperatorCost, ...]
    agreement: Agreement
    warnings: tuple[str, ...]


def studied(
    cpu: Cpu, tools: Tools, artifact: Artifact, file: FileOperators, request: Request
) -> Found:
    """Run a file for counts, for outputs, and for its operators, at the same time.

    Raises:
        ArtifactError: the device's runtime, or this host's, does not take the file.
        DataError: the samples do not fit it.
        DeviceError: the emulator failed.
    """
    few = 1 if file.audited.macs > _LARGE else SAMPLES
    samples = request.samples or default_samples(artifact, count=few)
    if remembers(artifact):
        samples = {name: rows[:1] for name, rows in samples.items()}
    tasks: tuple[Task, ...] = ("count", "outputs")
    if request.operators:
        tasks = (*tasks, "operators")
    with _running(tasks, cpu, tools, artifact, samples) as runs:
        # First: a file that ends the runtime's process would end this one.
        outputs = outputs_of(artifact, samples, runs["outputs"].result())
        reference, against, weak = _here(artifact, samples, plain=tools.program.plain)
        results = {task: run.result() for task, run in runs.items() if task != "outputs"}
    agreed = agreement(artifact, outputs, reference, against=against)
    warnings = [*weak, *warnings_of(artifact, agreed, outputs, reference)]
    total, doubts = _steady(results["count"].counted, idle=tools.program.idle)
    warnings += [*doubts, *_misread(results["count"])]
    operators: tuple[OperatorCost, ...] = ()
    if "operators" in results:
        try:
            operators = _operators(file, total, results["operators"], tools.program)
        except DeviceError as error:
            warnings.append(f"operators cannot be told apart: {error}")
    return Found(
        counts=counts_of(total), operators=operators, agreement=agreed, warnings=tuple(warnings)
    )


def computed(
    cpu: Cpu, tools: Tools, artifact: Artifact, samples: Arrays
) -> dict[str, NDArray[np.float32]]:
    """Return the device's outputs, real values, a row a sample, by name.

    Raises:
        ArtifactError, DataError, DeviceError: see ``studied``.
    """
    with _running(("outputs",), cpu, tools, artifact, samples) as runs:
        return outputs_of(artifact, samples, runs["outputs"].result())


def remembers(artifact: Artifact) -> bool:
    """Whether a file remembers the sample before until its process ends."""
    return state_of(artifact) == "resources"


def computed_in_parts(
    cpu: Cpu, tools: Tools, artifact: Artifact, samples: Arrays, *, most: int
) -> dict[str, NDArray[np.float32]]:
    """Return what ``computed`` does: at most so many samples a process, a process for each core."""
    count, cores = len(next(iter(samples.values()))), cpu_facts().cores
    size = min(most, -(-count // cores))
    parts = [
        {name: rows[at : at + size] for name, rows in samples.items()}
        for at in range(0, count, size)
    ]
    with ThreadPoolExecutor(min(cores, len(parts))) as pool:
        found = list(pool.map(partial(computed, cpu, tools, artifact), parts))
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


@contextlib.contextmanager
def _running(
    tasks: Sequence[Task], cpu: Cpu, tools: Tools, artifact: Artifact, samples: Arrays
) -> Any:
    feed = feed_of(artifact, samples)
    with scratch() as folder, contextlib.ExitStack() as running:
        yield {
            task: running.enter_context(Run(task, tools, cpu, artifact, feed, folder / task))
            for task in tasks
        }


def _steady(counted: Counted | None, *, idle: bool) -> tuple[Figures, list[str]]:
    """Return the figures of the last inference, and a warning if the one before had others.

    Where calls that do nothing were marked off too, what these take is taken off.

    Misses differ, for the one before began with empty caches. Instructions may be a few apart: what
    the runtime allocates for each run moves, and so does what its tables of it look like.
    """
    totals = counted.totals if counted is not None else ()
    ran = totals[: len(totals) // 2] if idle else totals
    if len(ran) < 2:
        raise DeviceError(
            "expected counts of several inferences, got fewer; fetch its tools again: edgekit"
            " devices install --again"
        )
    before, last = ran[-2:]
    if idle:
        before, last = (_without(one, totals[-1]) for one in (before, last))
    names = [name for name in last if not name.endswith("misses")]
    moved = [n for n in names if abs(last[n] - before[n]) > _APART * max(last[n], _FEW)]
    if not moved:
        return last, []
    return last, [f"the file does not do the same in each inference: {', '.join(moved)} change"]


def _misread(result: Result) -> list[str]:
    """Say so where the emulator is known to compute wrongly what the runtime ran."""
    count = result.counted.gathers if result.counted is not None else 0
    if not count or result.told.gathers_right:
        return []
    return [
        f"{count} AVX2 gathers have their index in vector register 4, by which this qemu reads"
        " other addresses than a processor: outputs differ from a real one's, misses may"
    ]


def _without(figures: Figures, less: Figures) -> Figures:
    return {name: max(number - less[name], 0) for name, number in figures.items()}


def _operators(
    file: FileOperators, total: Figures, result: Result, program: Program
) -> tuple[OperatorCost, ...]:
    if result.counted is None:
        raise DeviceError("the plugin wrote nothing")
    told, ticks = result.told, result.counted.ticks
    if file.audited.format == "onnx":
        nodes = onnx_profile.nodes_of(result.profile, told.profiled_from)
        ran = onnx_profile.costs(nodes, ticks, total)
    elif file.audited.format == "openvino":
        ran = openvino_profile.costs(told.nodes, ticks, total)
    elif program.idle:
        ran = watched(told.events, ticks, file.in_main_graph)
    else:
        ran = spans(told.events, ticks)
    rows = file.matched(ran, "instructions")
    return (*rows, *outside(rows, total["instructions"]))


def _here(artifact: Artifact, samples: Arrays, *, plain: bool) -> tuple[Arrays, str, list[str]]:
    """Return this host's outputs, what computed them, and what keeps them from being a reference.

    That are reference kernels if ``plain``, unless they fail.
    """
    runner = runtimes.open_runner(artifact)
    named = ", ".join(f"{name} {each}" for name, each in runner.versions.items())
    said = []
    if plain:
        try:
            kernels = f"the reference kernels of {named} here"
            return reference_outputs(artifact, samples), kernels, []
        except DeviceError as error:
            said = [f"outputs are compared with XNNPACK's, which may be some steps off: {error}"]
    return runner.run(samples), f"this machine's {named}", said
