"""One conversion: ask, make, learn, and hand everything over at once."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgekit import runtimes
from edgekit.artifact import Artifact
from edgekit.audit import audit, broken_promises
from edgekit.cache import key, open_cache, tool_versions
from edgekit.calibrate.lint import Finding
from edgekit.calibrate.samples import Samples
from edgekit.pipeline import learn
from edgekit.pipeline.ask import ask
from edgekit.pipeline.data import calibration_samples, evaluation_samples, linted
from edgekit.pipeline.deliver import deliver
from edgekit.pipeline.make import Division, make
from edgekit.pipeline.options import Options
from edgekit.pipeline.workshop import Workshop
from edgekit.quiet import quiet
from edgekit.report import document
from edgekit.report.model import (
    ArtifactFacts,
    CalibrationFacts,
    Report,
    SourceFacts,
    Stage,
)
from edgekit.report.progress import Progress, Silent
from edgekit.source import folder_name
from edgekit.target import Target
from edgekit.version import VERSION


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What a conversion handed over: a report, a folder and an artifact for each target."""

    reports: tuple[Report, ...]
    folders: tuple[Path, ...]

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The artifacts, as they lie in their folders."""
        return tuple(
            runtimes.describe(folder / next(iter(report.artifact.files)))
            for report, folder in zip(self.reports, self.folders, strict=True)
        )


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that is fixed once the data are open."""

    workshop: Workshop
    targets: tuple[Target, ...]
    calibration: Samples | None
    evaluation: Samples | None
    division: Division | None
    findings: tuple[Finding, ...] = ()


def run(
    given: Any, targets: tuple[Target, ...], out: Path, options: Options, *,
    keep: bool = True, progress: Progress | None = None,
) -> Conversion:  # fmt: skip
    """Convert a source model to every target.

    Folders are ``out/<model>/<target>``; each appears whole or not at all. With ``keep=False``
    nothing is read from or left in the user's cache.

    Raises:
        EdgekitError: see ``edgekit.convert``.
    """
    name = name_of(given)
    places = [out / name / target.name for target in targets]
    ask(options, targets, places)
    with open_cache(keep=keep) as cache, quiet():
        workshop = Workshop(given, options, cache, progress or Silent())
        calibration = calibration_samples(workshop, options)
        prepared = Run(
            workshop=workshop,
            targets=targets,
            calibration=calibration,
            evaluation=evaluation_samples(workshop, options),
            division=Division.of(calibration) if calibration is not None else None,
        )
        reports = []
        for target, place in zip(targets, places, strict=True):
            report, folder, linted_run = _one(prepared, target, name)
            prepared = linted_run
            deliver(report, folder, place)
            reports.append(report)
    return Conversion(reports=tuple(reports), folders=tuple(places))


def name_of(given: Any) -> str:
    """Return the folder name of a source model, without loading it."""
    if isinstance(given, (str, Path)):
        return folder_name(Path(given).stem or str(given))
    return folder_name(str(getattr(given, "name", "model")))


def _one(prepared: Run, target: Target, name: str) -> tuple[Report, Path, Run]:
    """Return the report and the folder of one target: from the cache, or made now."""
    workshop = prepared.workshop
    entry = _key(prepared, target)
    if entry is not None and (found := workshop.cache.get(entry)) is not None:
        report = document.from_json((found / "report.json").read_bytes(), where="cache")
        stages = (Stage(name="everything", seconds=0.0, cached=True),)
        return replace(report, stages=stages), found, prepared
    if prepared.calibration is not None and not prepared.findings:
        prepared = replace(prepared, findings=linted(workshop, prepared.calibration))

    def fill(folder: Path) -> None:
        report = _learn(prepared, target, folder, name)
        (folder / "report.json").write_bytes(document.to_json(report))

    if entry is None:
        place = Path(tempfile.mkdtemp(prefix="edgekit-", dir=workshop.cache.root))
        fill(place)
    else:
        place = workshop.cache.put(entry, fill)
    report = document.from_json((place / "report.json").read_bytes(), where="report")
    return report, place, prepared


def _key(prepared: Run, target: Target) -> str | None:
    """Name the whole result; None where the data could only be known by running user code."""
    digests = [s.digest for s in (prepared.calibration, prepared.evaluation) if s is not None]
    if any(digest is None for digest in digests):
        return None
    options = learn.options_of(prepared.workshop.options, prepared.calibration)
    return key(
        "run",
        **prepared.workshop.base,
        target=target,
        options=options,
        data=digests,
        static=_static(prepared.targets),
    )


def _static(targets: Sequence[Target]) -> list[str]:
    return sorted({t.format for t in targets if t.quantization.needs_calibration})


def _learn(prepared: Run, target: Target, folder: Path, name: str) -> Report:
    workshop, options = prepared.workshop, prepared.workshop.options
    before = len(workshop.stages)
    made = make(
        workshop, target, folder, division=prepared.division, static=_static(prepared.targets)
    )
    artifact = runtimes.describe(folder / _main_file(target))
    with workshop.timed(f"audit {target.name}"):
        found = audit(artifact.path)
    evaluation = (
        learn.evaluated(workshop, artifact, prepared.evaluation, target)
        if prepared.evaluation is not None
        else None
    )
    data = prepared.calibration or prepared.evaluation
    report = Report(
        edgekit=VERSION,
        source=_source(prepared, name),
        target=target,
        options=learn.options_of(options, prepared.calibration),
        artifact=_artifact(workshop, artifact, target),
        audit=replace(found, path=artifact.path.name),
        parity_sqnr_db=made.agreement.sqnr_db,
        parity_samples=made.judged_on,
        calibration=_calibration(prepared, made.estimator),
        candidates=made.candidates,
        treatments=made.treatments,
        evaluation=evaluation,
        evaluation_data=prepared.evaluation.origin if prepared.evaluation else None,
        layers=learn.layer_errors(workshop, artifact, data) if options.layers and data else None,
        latency=learn.latency(workshop, artifact, target) if options.measure else None,
        broken_promises=tuple(broken_promises(found, target)),
        warnings=tuple(f"{f.code}: {f.text}" for f in prepared.findings),
        tools=tool_versions(),
        command=command(prepared, target),
    )
    shared = workshop.stages[:before] if not prepared.targets.index(target) else []
    return replace(
        report,
        missed_budgets=learn.missed_budgets(report),
        stages=(*shared, *workshop.stages[before:]),
    )


def _main_file(target: Target) -> str:
    return {"tflite": "model.tflite", "openvino": "model.xml", "onnx": "model.onnx"}[target.format]


def _source(prepared: Run, name: str) -> SourceFacts:
    workshop = prepared.workshop
    facts, given = workshop.facts, workshop.given
    is_file = isinstance(given, (str, Path)) and Path(given).is_file()
    return SourceFacts(
        name=name,
        sha256=workshop.sha256,
        origin=str(given) if isinstance(given, (str, Path)) else f"<{type(given).__name__}>",
        kind=facts.kind,
        parameters=facts.parameters,
        size_bytes=Path(given).stat().st_size if is_file else None,
        inputs=facts.inputs,
        outputs=facts.outputs,
        mends=facts.mends,
    )


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


def command(prepared: Run, target: Target) -> str:
    """Return the command line that makes the artifact again."""
    options, given = prepared.workshop.options, prepared.workshop.given
    words = ["edgekit", "convert", str(given) if isinstance(given, (str, Path)) else "MODEL"]
    words += ["--target", target.name]
    for flag, value in (
        ("--calibration", options.calibration),
        ("--evaluate", options.evaluation),
        ("--metric", options.metric),
        ("--output-name", options.output),
        ("--samples", options.samples),
        ("--seed", options.seed),
    ):
        if value is not None:
            words += [flag, str(value) if isinstance(value, (str, int, Path)) else "DATA"]
    if options.estimator != "auto":
        words += ["--estimator", options.estimator]
    for name, shape in options.input_shapes.items():
        words += ["--input-shape", f"{name}={','.join(map(str, shape))}"]
    for item in options.custom_objects:
        words += ["--custom-objects", item]
    words += [flag for flag, given_ in (
        ("--dynamic-batch", options.dynamic_batch), ("--allow-code", options.allow_code),
        ("--layers", options.layers), ("--no-measure", not options.measure),
    ) if given_]  # fmt: skip
    return shlex.join(words)
