"""What is known of a file on a device, and how each figure was come by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Basis = Literal["measured", "counted", "modelled", "estimated", "computed"]
"""measured: timed on hardware. counted: exact, the same in every run. modelled: from counts, by a
cost model. estimated: what a vendor's compiler says. computed: follows from the file."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """One inference, in ms, with the interval that it is expected in.

    ``low_ms`` and ``high_ms`` are None where nobody has said how far off an estimate may be.
    ``samples_ms`` and ``warmup_ms`` are there where it was measured. ``rounds`` says how many of
    the samples, in order, came from each process, where there were several; files of the same
    ``session`` took turns in each round.
    """

    ms: float
    low_ms: float | None
    high_ms: float | None
    basis: Basis
    threads: int = 1
    samples_ms: tuple[float, ...] = ()
    warmup_ms: tuple[float, ...] = ()
    rounds: tuple[int, ...] = ()
    session: str = ""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Exact counts of one inference: instructions by class, memory accesses, cache misses.

    Misses are None where no cache is simulated. ``classes`` maps the name of a class to its number;
    they do not add up to ``instructions``.
    """

    instructions: int
    loads: int
    stores: int
    load_bytes: int
    store_bytes: int
    l1_misses: int | None = None
    l2_misses: int | None = None
    classes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class OperatorCost:
    """One operator of the file: what it costs, in whatever the device can tell.

    ``layer`` is the file's name for its output. ``where`` is the unit that runs it, such as
    ``cpu`` or ``npu``.
    """

    index: int
    kind: str
    layer: str
    where: str = "cpu"
    instructions: int | None = None
    cycles: int | None = None
    latency_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class MemoryUse:
    """What the file needs, in KiB; None where the device cannot tell.

    ``arena_kib`` holds activations; ``peak_kib`` is the peak of a whole process; ``ram_kib`` and
    ``flash_kib`` are what a microcontroller or NPU would have to hold.
    """

    artifact_kib: float
    weights_kib: float | None = None
    arena_kib: float | None = None
    peak_kib: float | None = None
    ram_kib: float | None = None
    flash_kib: float | None = None


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The device's outputs beside those of this host's runtime, on the same inputs.

    ``largest_steps`` is in steps of a quantized output's grid; None for float outputs, where
    ``largest_difference`` counts. ``reference`` says what they were compared with.
    """

    samples: int
    identical_share: float
    largest_steps: int | None
    largest_difference: float
    same_top1_share: float
    reference: str


@dataclass(frozen=True, kw_only=True)
class DeviceAccuracy:
    """What a file scores on a device, beside what it scores in this host's runtime.

    Both ran the same ``samples`` of ``data``, which has ``available``. ``drop_pp`` with its paired
    95 % interval is as in ``edgekit.accuracy.Evaluation``: positive where the device is worse.
    ``other_outputs`` are samples of which any output differs at all; ``other_answers`` those whose
    first class does, None for outputs that are no class scores. Figures that need labels are None
    without. ``host`` is this host's runtime.
    """

    data: str
    samples: int
    available: int
    host: str
    metric: str | None = None
    higher_is_better: bool = True
    output: str | None = None
    device_score: float | None = None
    host_score: float | None = None
    drop_pp: float | None = None
    drop_low_pp: float | None = None
    drop_high_pp: float | None = None
    drop_unit: str = "points"
    p_value: float | None = None
    method: str = "none: no metric"
    other_outputs: int = 0
    other_answers: int | None = None
    largest_difference: float = 0.0
    notes: tuple[str, ...] = ()


NOT_TOLD = "operators are not told apart: "
"""How the warning begins that says why there are no operators where there could be."""


@dataclass(frozen=True, kw_only=True)
class DeviceMeasurement:
    """What one file costs on one device.

    ``bases`` says for each group of figures (``latency``, ``counts``, ``cycles``, ``memory``,
    ``operators``) how it was come by. ``facts`` are those of the device and of what ran there.
    ``warnings`` cast doubt; ``misfits`` say why the file does not fit or cannot run, in which case
    figures are missing.
    """

    device: str
    kind: str
    description: str
    file: str
    format: str
    sha256: str
    memory: MemoryUse
    runtime: Mapping[str, str] = field(default_factory=dict)
    latency: Latency | None = None
    counts: Counts | None = None
    cycles: int | None = None
    npu_share: float | None = None
    operators: tuple[OperatorCost, ...] = ()
    agreement: Agreement | None = None
    accuracy: DeviceAccuracy | None = None
    bases: Mapping[str, Basis] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    misfits: tuple[str, ...] = ()
