"""What the page is asked, and what it answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact, TensorSpec
from edgekit.devices.backend import Request
from edgekit.devices.stored import Samples, stored_batches
from edgekit.errors import DeviceError

WARMUP_S = 0.5  # the engine compiles a module twice, and the better code is ready a little later


@dataclass(frozen=True, kw_only=True)
class Port:
    """An input or output by name; ``dtype`` and ``shape`` are those of one batch of inputs."""

    name: str
    dtype: str = ""
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Job:
    """What ``devicefarm/browser/page.js`` is asked: to time one batch, and to compute all.

    With ``min_runs`` 0 nothing is timed.
    """

    format: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    batches: int
    threads: int
    warmup: int
    warmup_seconds: float
    min_runs: int
    min_seconds: float
    max_samples: int = 10_000

    def encode(self) -> bytes:
        """Return the job as JSON."""
        return msgspec.json.encode(self)


@dataclass(frozen=True, kw_only=True)
class Made:
    """An output of one batch; its bytes come apart."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why there are no figures: ``stage`` is where (runtime, file, inference)."""

    stage: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the page says. A sample is the mean of ``inferences_per_sample`` inferences."""

    facts: Mapping[str, str] = field(default_factory=dict)
    start_ms: float = 0.0
    load_ms: float = 0.0
    clock_step_ms: float = 0.0
    warmup_ms: tuple[float, ...] = ()
    samples_ms: tuple[float, ...] = ()
    inferences_per_sample: int = 1
    heap_before_kib: float = 0.0
    heap_kib: float = 0.0
    outputs: tuple[tuple[Made, ...], ...] = ()
    error: Refusal | None = None


def decoded(text: str) -> Answer:
    """Return what a page said.

    Raises:
        DeviceError: it is not what a page of this version says.
    """
    try:
        return msgspec.json.decode(text, type=Answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeviceError(f"the page gave no answer that can be read: {error}") from error


def asked(artifact: Artifact, request: Request, samples: Samples) -> tuple[Job, bytes]:
    """Return the job, and the bytes of all inputs, batch after batch.

    Raises:
        DataError: the samples do not fit the file's inputs.
    """
    batches = stored_batches(artifact, samples)
    job = Job(
        format=artifact.format,
        inputs=tuple(map(_port, artifact.inputs, batches[0])),
        outputs=tuple(Port(name=spec.name) for spec in artifact.outputs),
        batches=len(batches),
        threads=request.threads or 1,
        warmup=request.warmup,
        warmup_seconds=WARMUP_S if request.min_runs else 0.0,
        min_runs=request.min_runs,
        min_seconds=request.min_seconds,
    )
    return job, b"".join(array.tobytes() for batch in batches for array in batch)


def _port(spec: TensorSpec, array: NDArray[Any]) -> Port:
    return Port(name=spec.name, dtype=array.dtype.name, shape=array.shape)


def arrays_of(told: Sequence[Sequence[Made]], content: bytes) -> list[list[NDArray[Any]]]:
    """Return the outputs of each batch from their bytes, which lie one after the other.

    Raises:
        DeviceError: the bytes are not those of such outputs.
    """
    offset, batches = 0, list[list[NDArray[Any]]]()
    try:
        for batch in told:
            batches.append([])
            for one in batch:
                dtype, size = np.dtype(one.dtype), math.prod(one.shape)
                if min(one.shape, default=0) < 0 or size * dtype.itemsize > len(content) - offset:
                    raise ValueError(f"no {one.dtype} of shape {one.shape} at byte {offset}")
                array = np.frombuffer(content, dtype, size, offset)
                batches[-1].append(array.reshape(one.shape))
                offset += array.nbytes
    except (ValueError, TypeError) as error:
        raise DeviceError(f"the page gave outputs that cannot be read: {error}") from error
    if offset != len(content):
        raise DeviceError(f"the page gave {len(content)} bytes of outputs, expected {offset}")
    return batches
