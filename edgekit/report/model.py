"""The report: everything that was learnt about one artifact, as one versioned document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from edgekit.accuracy import Evaluation, LayerErrors, StepErrors
from edgekit.artifact import TensorSpec
from edgekit.auditing import AuditResult
from edgekit.bench import Measurement
from edgekit.calibrate.lint import Finding
from edgekit.devices.figures import Agreement
from edgekit.passes.base import Treatment
from edgekit.source import Mend
from edgekit.target import Target

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """The source model, and what was mended to load it."""

    name: str
    sha256: str
    origin: str
    kind: str
    parameters: int
    size_bytes: int | None
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    mends: tuple[Mend, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One quantized artifact that was tried; figures are against the source on held-back samples.

    ``agreement`` is the share of equal first classes, None for outputs that are no class scores.
    ``scores_db`` is the SQNR with what softmaxes are given in the place of what they make, None
    where there are none: the best by it is chosen, or by ``sqnr_db``. ``problem`` says why there
    are no figures, or why the candidate was refused.
    """

    name: str
    quantizer: str
    estimator: str | None
    bias_correction: bool
    sqnr_db: float | None = None
    scores_db: float | None = None
    agreement: float | None = None
    chosen: bool = False
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class CalibrationFacts:
    """The samples that ranges come from, and what lint said of them."""

    origin: str
    samples: int
    held_back: int
    estimator: str
    seed: int
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ArtifactFacts:
    """The file that ships, and the float file of the same format beside it."""

    files: dict[str, int]
    sha256: str
    size_bytes: int
    float_size_bytes: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True, kw_only=True)
class CSourceFacts:
    """The artifact as C: header and source with their sizes, and what the runtime needs.

    ``arena_bytes`` is the least arena in which TensorFlow Lite Micro loads the file here, with
    pointers of 8 bytes: an upper bound for a board, where ``arena_bytes_least`` is a lower one.
    ``tensor_bytes`` of it are for tensors. They are None where the runtime is not installed, or
    refuses the file. ``agreement`` holds its outputs against the reference kernels'.
    """

    files: dict[str, int]
    arena_bytes: int | None = None
    arena_bytes_least: int | None = None
    tensor_bytes: int | None = None
    agreement: Agreement | None = None


@dataclass(frozen=True, kw_only=True)
class Latency:
    """How long the artifact takes on this host, and the float file of the same format beside it."""

    artifact: Measurement
    float_baseline: Measurement | None = None
    warning: str | None = None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """How long a stage took; ``cached`` if its result was there already."""

    name: str
    seconds: float
    cached: bool = False


@dataclass(frozen=True, kw_only=True)
class TrainingFacts:
    """One training within a pass. ``history`` holds a figure an epoch, by Keras' names.

    ``best_epoch``, counted from 1, is the one whose weights stayed.
    """

    label: str
    epochs: int
    best_epoch: int
    history: dict[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PassFacts:
    """One pass of a recipe: its options, and what it did to each layer."""

    name: str
    options: dict[str, Any]
    seconds: float
    treatments: tuple[Treatment, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)
    trainings: tuple[TrainingFacts, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ModelFigures:
    """What a Keras model weighs.

    ``macs`` are multiply-accumulates of one inference, None where they cannot be counted.
    ``sparsity`` is the share of exact zeros, in [0, 1], among weights of two and more axes;
    ``compressed_bytes`` what gzip makes of all weights in float32. ``zeros`` is that share, and
    ``values`` the count of distinct values, of each of those weights by its path.
    """

    parameters: int
    macs: int | None
    sparsity: float
    weight_bytes: int
    compressed_bytes: int
    zeros: dict[str, float] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CompressionFacts:
    """What a recipe made of the source model. ``task`` says what was trained for, and why that."""

    recipe: str
    description: str
    before: ModelFigures
    after: ModelFigures
    task: str | None = None


@dataclass(frozen=True, kw_only=True)
class CompressionReport:
    """A Keras model that a recipe made: where it comes from, what was done, what it lost."""

    schema: int = SCHEMA
    edgekit: str
    source: SourceFacts
    options: dict[str, Any]
    compression: CompressionFacts
    passes: tuple[PassFacts, ...]
    evaluation: Evaluation | None = None
    evaluation_data: str | None = None
    warnings: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    tools: dict[str, str] = field(default_factory=dict)
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """One artifact: where it comes from, what was done, what it lost, what it costs.

    ``broken_promises`` and ``missed_budgets`` are empty in a passing report; ``verdict`` follows
    from them. ``parity_sqnr_db`` compares the artifact with the source model on held-back
    calibration samples, or on seeded random inputs where there is no calibration. ``simulation``
    compares it with what its model was trained to give. ``c_source`` is there where the target asks
    for it.
    """

    schema: int = SCHEMA
    edgekit: str
    source: SourceFacts
    target: Target
    options: dict[str, Any]
    artifact: ArtifactFacts
    c_source: CSourceFacts | None = None
    audit: AuditResult
    parity_sqnr_db: float
    parity_samples: str
    calibration: CalibrationFacts | None = None
    candidates: tuple[Candidate, ...] = ()
    treatments: tuple[Treatment, ...] = ()
    compression: CompressionFacts | None = None
    passes: tuple[PassFacts, ...] = ()
    simulation: StepErrors | None = None
    evaluation: Evaluation | None = None
    evaluation_data: str | None = None
    layers: LayerErrors | None = None
    latency: Latency | None = None
    broken_promises: tuple[str, ...] = ()
    missed_budgets: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    tools: dict[str, str] = field(default_factory=dict)
    command: str = ""

    @property
    def made_files(self) -> tuple[str, ...]:
        """Every file that was made from the source model, the main one first."""
        return (*self.artifact.files, *(self.c_source.files if self.c_source else ()))

    @property
    def verdict(self) -> Literal["pass", "fail"]:
        """Whether every promise and every budget was kept."""
        return "fail" if self.broken_promises or self.missed_budgets else "pass"
