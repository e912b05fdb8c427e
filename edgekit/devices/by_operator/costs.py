"""Times a file's operators on this host, in a process of its own, and names their layers."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import msgspec

from edgekit.artifact import Artifact
from edgekit.auditing import AuditResult
from edgekit.auditing.program import Program
from edgekit.auditing.read import read_program
from edgekit.bench.job import Job
from edgekit.bench.process import kept
from edgekit.devices.backend import Request, Samples
from edgekit.devices.by_operator.rows import Row, demand_resolution
from edgekit.devices.emulated.matching import NOT_OF_THE_FILE, operator_costs
from edgekit.devices.emulated.openvino_profile import places_of
from edgekit.devices.emulated.spans import Span
from edgekit.devices.figures import OperatorCost
from edgekit.errors import DeviceError
from edgekit.extras import load
from edgekit.spawn import Child

_LEAST_RUNS, _SECONDS, _MOST_WARMUP = 5, 0.5, 20
_TIMEOUT_S = 300.0


def operator_times(
    artifact: Artifact, request: Request, sample: Samples | None
) -> tuple[OperatorCost, ...]:
    """Return what each operator of the file takes, then what else ran, in ms.

    Operators without a time were fused into others, or cannot be told apart from them.

    Raises:
        DeviceError: the runtime does not tell of this file, or its process died.
        ArtifactError: the file cannot be read.
    """
    rows = _profiled(artifact, request, sample)
    _, program, audited = read_program(artifact.path)
    return _MATCHED[artifact.format](program, audited, rows)


def _profiled(artifact: Artifact, request: Request, sample: Samples | None) -> list[Row]:
    with contextlib.ExitStack() as stack:
        job = Job(
            artifact=artifact, threads=request.threads or 1, warmup=_MOST_WARMUP,
            min_runs=_LEAST_RUNS, min_seconds=_SECONDS, sample=kept(stack, sample),
        )  # fmt: skip
        task, pipe = "edgekit.devices.by_operator.worker:main", subprocess.PIPE
        child = stack.enter_context(Child(task, artifact.format, stdout=pipe, stderr=pipe))
        try:
            out, err = child.process.communicate(job.encode(), timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise DeviceError(f"no profile within {_TIMEOUT_S:g} s") from error
    code = child.process.returncode
    if code == 1 and (said := err.decode(errors="replace").strip()):
        raise DeviceError(said.splitlines()[-1])
    try:
        rows = msgspec.json.decode(out, type=list[Row])
    except msgspec.DecodeError as error:
        how = f"signal {-code}" if code < 0 else f"exit {code}"
        raise DeviceError(f"the process that profiled it died ({how})") from error
    demand_resolution(rows)
    return rows


def _tflite_costs(
    program: Program, audited: AuditResult, rows: Sequence[Row]
) -> tuple[OperatorCost, ...]:
    """Match TFLite's operators by their places, and XNNPACK's by kinds, in order."""
    main = sum(node.graph == 0 for node in program.nodes)  # those of bodies of loops come after
    ran = [
        Span(name=row.name, node=row.node, figures={"instructions": round(row.us * 1e3)})
        for row in rows
    ]
    whole = {"instructions": sum(span.figures["instructions"] for span in ran)}
    return tuple(
        replace(one, instructions=None, latency_ms=one.instructions / 1e6)
        if one.instructions is not None else one
        for one in operator_costs(audited.operators[:main], ran, whole)
    )  # fmt: skip


def named_costs(
    audited: AuditResult, rows: Sequence[Row], places: Mapping[str, int]
) -> tuple[OperatorCost, ...]:
    """Match what has the file's own name for it; ``places`` maps these to operators."""
    spent, extra = dict[int, float](), list[OperatorCost]()
    for row in rows:
        if (index := places.get(row.name)) is not None:
            spent[index] = spent.get(index, 0.0) + row.us / 1e3
        else:
            extra.append(
                OperatorCost(
                    index=NOT_OF_THE_FILE, kind=row.kind, layer=row.name, latency_ms=row.us / 1e3
                )
            )
    told = [
        OperatorCost(
            index=each.index, kind=each.kind, layer=each.layer,
            where="cpu" if each.index in spent else "cpu, not told apart",
            latency_ms=spent.get(each.index),
        )
        for each in audited.operators
    ]  # fmt: skip
    return (*told, *extra)


def _onnx_costs(
    program: Program, audited: AuditResult, rows: Sequence[Row]
) -> tuple[OperatorCost, ...]:
    nodes = load("onnx").load(audited.path, load_external_data=False).graph.node
    main = zip(nodes, audited.operators, strict=False)  # those of bodies of loops come after
    places = {
        node.name: each.index for node, each in main if node.name and node.op_type == each.kind
    }
    return named_costs(audited, rows, places)


def _openvino_costs(
    program: Program, audited: AuditResult, rows: Sequence[Row]
) -> tuple[OperatorCost, ...]:
    return named_costs(audited, rows, places_of(audited.path, program))


_Match = Callable[[Program, AuditResult, Sequence[Row]], tuple[OperatorCost, ...]]
_MATCHED: Mapping[str, _Match] = {
    "tflite": _tflite_costs,
    "onnx": _onnx_costs,
    "openvino": _openvino_costs,
}
