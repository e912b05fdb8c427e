"""Assembles the report of one target from everything that is learnt about it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from edgekit import runtimes
from edgekit.artifact import MAIN_FILES, Artifact
from edgekit.auditing import audit_with_edges, broken_promises
from edgekit.bench import Waiting
from edgekit.cache import tool_versions
from edgekit.calibrate.lint import Finding
from edgekit.calibrate.samples import Samples
from edgekit.pipeline import c_files, learn
from edgekit.pipeline.command import spell
from edgekit.pipeline.compress import Compressed
from edgekit.pipeline.data import doubts, linted
from edgekit.pipeline.detail import gathered
from edgekit.pipeline.lesson import Lesson
from edgekit.pipeline.made import Made
from edgekit.pipeline.make import Division, make
from edgekit.pipeline.options import Options
from edgekit.pipeline.plan import Plan, as_recipe
from edgekit.pipeline.simulated import strays
from edgekit.pipeline.workshop import Workshop
from edgekit.report.details import Details
from edgekit.report.model import (
    ArtifactFacts,
    CalibrationFacts,
    CompressionFacts,
    Report,
    SourceFacts,
    Stage,
)
from edgekit.report.plain import to_plain
from edgekit.target import Target
from edgekit.version import VERSION


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """Everything that is fixed once the data are open.

    ``workshop`` is of the model that is converted: the source model's own, or of what the passes
    of ``plan`` made of it. ``targets`` are those that share it. Of the stages so far,
    ``of_models`` are those of making every run's model, ``own`` those of this one's; the rest is
    reported by the run that ``leads``.
    """

    workshop: Workshop
    source: Workshop
    targets: tuple[Target, ...]
    calibration: Samples | None
    evaluation: Samples | None
    division: Division | None
    lesson: Lesson
    plan: Plan | None = None
    compressed: Compressed | None = None
    leads: bool = True
    own: range = range(0)
    of_models: range = range(0)

    def __post_init__(self) -> None:
        """Let the workshops ask the samples that were held back."""
        for shop in (self.workshop, self.source):
            shop.witness = None if self.division is None else self.division.held

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the lint says of the calibration samples.

        Raises:
            DataError: calibration would be worthless.
        """
        return linted(self.source, self.calibration) if self.calibration is not None else ()

    def make(self, target: Target, folder: Path) -> Made:
        """Write the target's artifact into a folder: kept from before, or made now."""
        kept = self.finished(target)
        for file in (kept / "files").iterdir():
            shutil.copyfile(file, folder / file.name)
        return Made.restore(kept)

    def finished(self, target: Target) -> Path:
        """Return the folder of what ``make`` takes: kept from before, or made now.

        Raises:
            ExportError: no float file agrees with the source.
            QuantizeError: no quantized one does, or none could be made.
            MissingExtra: the format's extra is not installed.
        """
        parts, name = self._parts(target), f"make {target.name}"
        return self.workshop.kept("make", parts, partial(self._make, target), name=name)

    def is_free(self, target: Target) -> bool:
        """Whether no other process makes the target's artifact now."""
        shop = self.workshop
        return shop.keeper.is_free("make", shop.base, self._parts(target))

    def _make(self, target: Target, place: Path) -> None:
        (place / "files").mkdir()
        own = target.format
        formats = sorted(static_formats(self.targets), key=lambda kind: kind != own)
        made = make(self.workshop, target, place / "files", division=self.division, static=formats)
        made.save(place)

    def _parts(self, target: Target) -> dict[str, Any]:
        return {
            "target": target,
            "data": self.calibration.digest if self.calibration is not None else "",
            "static": static_formats(self.targets),
            "estimators": self.workshop.estimators,
            "simulation": self.workshop.simulation or "",
        }


def static_formats(targets: Sequence[Target]) -> list[str]:
    """Name the formats whose activations must be known, for ranges or for bias correction."""
    return sorted(
        {
            target.format
            for target in targets
            if target.quantization.needs_calibration or target.quantization.weights == "int4"
        }
    )


def learn_all(prepared: Run, target: Target, folder: Path, name: str) -> tuple[Report, Details]:
    """Make the artifact in a folder and learn everything about it.

    Returns the report, and what its pictures are drawn from.
    """
    doubtful = [f"{f.code}: {f.text}" for f in prepared.findings]  # first of all: it may raise
    with learn.measuring(
        prepared.workshop.options, target, plain=prepared.compressed is None
    ) as processes:
        report, details = _learn(prepared, target, folder, name, processes)
    return replace(report, warnings=(*doubtful, *report.warnings)), details


def _learn(
    prepared: Run, target: Target, folder: Path, name: str, processes: Sequence[Waiting]
) -> tuple[Report, Details]:
    workshop, options = prepared.workshop, prepared.workshop.options
    before = len(workshop.keeper.stages)
    made = prepared.make(target, folder)
    artifact = runtimes.describe(folder / MAIN_FILES[target.format])
    with workshop.keeper.timed(f"audit {target.name}"):
        found, edges = audit_with_edges(artifact.path, packed=prepared.compressed is not None)
    done = (
        learn.evaluated(prepared.source, artifact, prepared.evaluation, target)
        if prepared.evaluation is not None
        else None
    )
    write = partial(c_files.write, artifact, found, name=name, folder=folder)
    as_c = _as_c(workshop, target, write)
    promises = broken_promises(found, target) or (as_c.refusals if as_c else ())
    data = prepared.calibration or prepared.evaluation
    simulation = learn.held_against(workshop, artifact, prepared.evaluation or data, target)
    report = Report(
        edgekit=VERSION,
        source=_source(prepared, name),
        target=target,
        options=options_of(prepared),
        artifact=_artifact(prepared.source, artifact, target),
        c_source=as_c.facts if as_c else None,
        audit=replace(found, path=artifact.path.name),
        parity_sqnr_db=made.agreement.sqnr_db,
        parity_samples=made.judged_on,
        calibration=_calibration(prepared, made.estimator),
        candidates=made.candidates,
        treatments=made.treatments,
        compression=compression_facts(prepared.plan, prepared.compressed),
        passes=prepared.compressed.story.passes if prepared.compressed else (),
        simulation=simulation,
        evaluation=done.found if done is not None else None,
        evaluation_data=prepared.evaluation.origin if prepared.evaluation else None,
        layers=learn.layer_errors(workshop, artifact, data, target)
        if options.layers and data
        else None,
        latency=learn.latency(prepared.source, artifact, target, processes) if processes else None,
        broken_promises=tuple(promises),
        warnings=(
            *_doubts(prepared, target, made),
            *(as_c.warnings if as_c else ()),
            *(strays(simulation) if simulation is not None else ()),
        ),
        tools=tool_versions() | dict(as_c.tools if as_c else ()),
        command=command(prepared, target),
    )
    with workshop.keeper.timed(f"details {target.name}"):
        details = gathered(artifact, target, made, done, options, edges)
    shared = _shared(prepared, before) if target == prepared.targets[0] else []
    return replace(
        report,
        missed_budgets=learn.missed_budgets(report),
        stages=(*shared, *workshop.keeper.stages[before:]),
    ), details


def _shared(prepared: Run, before: int) -> list[Stage]:
    """Return the stages that the first target of a run reports for all of them."""
    return [
        stage
        for number, stage in enumerate(prepared.workshop.keeper.stages[:before])
        if number in prepared.own or (prepared.leads and number not in prepared.of_models)
    ]


def _as_c(
    workshop: Workshop, target: Target, write: Callable[[], c_files.CFiles]
) -> c_files.CFiles | None:
    if not target.c_source:
        return None
    with workshop.keeper.timed(f"C source {target.name}"):
        return write()


def _doubts(prepared: Run, target: Target, made: Made) -> tuple[str, ...]:
    said = doubts(prepared.source, prepared.evaluation) if prepared.evaluation is not None else ()
    return (*said, *cautions(target), *made.warnings)


def origin_of(given: Any) -> str:
    """Return the source as the user named it."""
    return str(given) if isinstance(given, (str, Path)) else f"<{type(given).__name__}>"


def cautions(target: Target) -> tuple[str, ...]:
    """Say what this host cannot show of a target."""
    quantization = target.quantization
    full = quantization.needs_calibration and not quantization.reduce_range
    if target.format == "onnx" and full:
        return (
            "full-range weights saturate in ONNX Runtime on x86 CPUs without VNNI, whatever was "
            "measured here; set reduce_range = true unless you know the CPU",
        )
    return ()


def compression_facts(plan: Plan | None, made: Compressed | None) -> CompressionFacts | None:
    """Return what a recipe made of the source model; None without one."""
    if plan is None or made is None:
        return None
    return CompressionFacts(
        recipe=plan.recipe.name,
        description=plan.recipe.description,
        before=made.story.before,
        after=made.story.after,
        task=made.story.task,
    )


def _source(prepared: Run, name: str) -> SourceFacts:
    facts, given = prepared.source.facts, prepared.source.given
    return SourceFacts(
        name=name,
        sha256=prepared.source.sha256,
        origin=origin_of(given),
        kind=facts.kind,
        parameters=facts.parameters,
        size_bytes=size_of(given),
        inputs=facts.inputs,
        outputs=facts.outputs,
        mends=facts.mends,
    )


def size_of(given: Any) -> int | None:
    """Return the bytes of a source that is a file."""
    is_file = isinstance(given, (str, Path)) and Path(given).is_file()
    return Path(given).stat().st_size if is_file else None


def _artifact(workshop: Workshop, artifact: Artifact, target: Target) -> ArtifactFacts:
    return ArtifactFacts(
        files={path.name: path.stat().st_size for path in artifact.files},
        sha256=artifact.sha256,
        size_bytes=artifact.size_bytes,
        float_size_bytes=workshop.float_artifact(target.format).size_bytes,
        inputs=artifact.inputs,
        outputs=artifact.outputs,
    )


def _calibration(prepared: Run, estimator: str | None) -> CalibrationFacts | None:
    if prepared.calibration is None or prepared.division is None:
        return None
    return CalibrationFacts(
        origin=prepared.calibration.origin,
        samples=len(prepared.division.fit),
        held_back=len(prepared.division.held),
        estimator=estimator or "none",
        seed=prepared.calibration.seed,
        findings=prepared.findings,
    )


def options_of(prepared: Run) -> dict[str, Any]:
    """Return the options as plain data for report and manifest: enough to do it all again."""
    options, samples = prepared.workshop.options, prepared.calibration
    return {
        **data_options(options, samples, prepared.evaluation),
        **recipe_options(options, prepared.lesson),
        "estimator": options.estimator,
        "input_shapes": {k: list(v) for k, v in options.input_shapes.items()},
        "dynamic_batch": options.dynamic_batch,
        "layers": options.layers,
        "measure": options.measure,
        "threads": options.threads,
        "thumbnails": options.thumbnails,
        "class_names": list(options.class_names),
    }


def data_options(
    options: Options, calibration: Samples | None, evaluation: Samples | None
) -> dict[str, Any]:
    """Return what is said of model and data, with the digests of the latter."""
    return {
        "calibration": _origin(options.calibration),
        "calibration_sha256": calibration.digest if calibration is not None else None,
        "evaluation": _origin(options.evaluation),
        "evaluation_sha256": evaluation.digest if evaluation is not None else None,
        "metric": options.metric,
        "output": options.output,
        "samples": len(calibration) if calibration is not None else None,
        "pictures": asdict(options.pictures) if options.pictures is not None else None,
        "custom_objects": list(options.custom_objects),
        "allow_code": options.allow_code,
        "seed": seed_of(options, calibration),
    }


def recipe_options(options: Options, lesson: Lesson) -> dict[str, Any]:
    """Return the whole recipe, and how to train; nothing without a recipe."""
    if options.recipe is None:
        return {}
    return {
        "recipe": to_plain(as_recipe(options.recipe)),
        "settings": to_plain(options.settings),
        "train": _origin(options.train),
        "train_sha256": lesson.digest if options.train is not None else None,
        "training": to_plain(lesson.training),
    }


def seed_of(options: Options, calibration: Samples | None) -> int:
    """Return the seed of every random choice: the user's, or that of the data's profile."""
    return calibration.seed if calibration is not None else options.seed or 0


def _origin(data: Any) -> str | None:
    if data is None or isinstance(data, (str, Path)):
        return None if data is None else str(data)
    return f"<{type(data).__name__} from Python>"


def command(prepared: Run, target: Target) -> str:
    """Return the command line that makes the artifact again."""
    return spell(prepared.source.given, target, prepared.source.options)
