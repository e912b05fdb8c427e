"""ONNX files with ONNX Runtime's profiler, which writes all inferences to one file."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from numpy.typing import NDArray

from edgekit.bench.job import Job
from edgekit.devices.by_operator.rows import Row
from edgekit.errors import DeviceError
from edgekit.files import scratch
from edgekit.runtimes.onnx import open_session

_SUFFIX = "_kernel_time"
_REPLACED = r"_token_\d+$"  # what is added to the name of a node that another kind replaced


class _Arguments(msgspec.Struct):
    op_name: str = ""


class _Event(msgspec.Struct):
    cat: str = ""
    name: str = ""
    ts: int = 0
    dur: int = 0
    args: _Arguments = msgspec.field(default_factory=_Arguments)


def inferences(
    job: Job, stored: dict[str, NDArray[Any]], turns: Iterable[bool]
) -> Iterator[list[Row]]:
    """Yield what ran in each inference but those before.

    Raises:
        ArtifactError: the file cannot be opened or run.
        DeviceError: the runtime wrote something else than its profile.
    """
    with scratch() as folder:
        session = open_session(job.artifact, threads=job.threads, profile=folder / "profile")
        session.place(stored)
        counted = []
        for counts in turns:
            session.repeat(lambda infer: infer())
            counted.append(counts)
        yield from itertools.compress(read(session.profile()), counted)


def read(profile: bytes) -> Iterator[list[Row]]:
    """Yield the nodes of each inference; those in bodies of loops belong to these.

    Raises:
        DeviceError: it is no such profile.
    """
    try:
        events = msgspec.json.decode(profile, type=list[_Event])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeviceError(f"expected the runtime's profile, got something else: {error}") from error
    runs = [each for each in events if (each.cat, each.name) == ("Session", "model_run")]
    nodes = sorted(
        (each for each in events if each.cat == "Node" and each.name.endswith(_SUFFIX)),
        key=lambda each: (each.ts, -each.dur),
    )
    for run in sorted(runs, key=lambda each: each.ts):
        rows, end = list[Row](), run.ts
        for node in nodes:
            if end <= node.ts <= run.ts + run.dur:
                name = re.sub(_REPLACED, "", node.name.removesuffix(_SUFFIX))
                rows.append(Row(name=name, kind=node.args.op_name, us=float(node.dur)))
                end = node.ts + node.dur
        yield rows
