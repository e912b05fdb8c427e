"""Opens calibration and evaluation data for a model, and lints what ranges are taken from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from edgekit.artifact import TensorSpec
from edgekit.calibrate.facts import gather
from edgekit.calibrate.lint import Finding, lint
from edgekit.calibrate.profile import find_profile
from edgekit.calibrate.samples import Samples
from edgekit.calibrate.sources import open_samples
from edgekit.errors import DataError
from edgekit.pipeline.labels import check_labels
from edgekit.pipeline.lesson import Lesson
from edgekit.pipeline.options import Options
from edgekit.pipeline.workshop import Workshop

DEFAULT_SAMPLES = 300


def with_profile(options: Options) -> Options:
    """Return options with the estimator of the calibration profile, unless one was chosen.

    Raises:
        OptionError: the profile contradicts itself.
    """
    profile = find_profile(options.calibration)
    if profile is None or options.estimator != "auto":
        return options
    return replace(options, estimator=profile.estimator)


def calibration_samples(
    options: Options, inputs: Sequence[TensorSpec], lesson: Lesson, source: Callable[[], Any]
) -> Samples | None:
    """Open the calibration data, or some of the training data; None without either.

    Args:
        options: Of the run.
        inputs: What samples have to fit.
        lesson: The training data.
        source: Gives the source model, if training data have to be read through a trainer.

    Raises:
        DataError: they are not there or do not fit the model.
    """
    if options.samples_from is None:
        return None
    profile = find_profile(options.samples_from)
    count = options.samples or (profile.count if profile else None) or DEFAULT_SAMPLES
    if options.calibration is None:
        return lesson.samples(count, source)
    return _open(options.calibration, inputs, options, count)


def evaluation_samples(options: Options, inputs: Sequence[TensorSpec]) -> Samples | None:
    """Open the evaluation data, if any: all of them.

    Raises:
        DataError: they are not there, do not fit the model, or lack the labels of the metric.
    """
    if options.evaluation is None:
        return None
    samples = _open(options.evaluation, inputs, options, None)
    check_labels(samples, options.metric)
    return samples


def linted(
    workshop: Workshop, samples: Samples, pack: Callable[[Sequence[Any]], Any] | None = None
) -> tuple[Finding, ...]:
    """Lint calibration samples against what the model remembers of its training.

    Args:
        workshop: Of the source model.
        samples: What is linted.
        pack: Nests inputs as the model wants them; the workshop knows, once shapes are fixed.

    Raises:
        DataError: a finding is an error; the text holds all errors.
    """
    findings = _findings(workshop, samples, "lint", pack)
    errors = [f"{f.code}: {f.text}" for f in findings if f.severity == "error"]
    if errors:
        raise DataError(f"{samples.origin}: calibration would be worthless: {'; '.join(errors)}")
    return findings


def doubts(workshop: Workshop, samples: Samples) -> tuple[str, ...]:
    """Say whether evaluation data are scaled unlike the training data: scores would mislead."""
    return tuple(
        f"evaluation data: {f.code}: {f.text}"
        for f in _findings(workshop, samples, "lint (evaluate)", None)
        if f.code == "wrong-scaling"
    )


def _findings(
    workshop: Workshop, samples: Samples, name: str, pack: Callable[[Sequence[Any]], Any] | None
) -> tuple[Finding, ...]:
    def write(folder: Path) -> None:
        facts = gather(workshop.loaded.model, samples, pack=pack or workshop.signature.pack)
        found = msgspec.json.encode(list(lint(samples, facts)))
        (folder / "findings.json").write_bytes(found)

    parts = {"data": samples.digest, "seed": samples.seed}
    kept = workshop.kept("lint", parts, write, name=name)
    return msgspec.json.decode((kept / "findings.json").read_bytes(), type=tuple[Finding, ...])


def _open(data: Any, inputs: Sequence[TensorSpec], options: Options, count: int | None) -> Samples:
    return open_samples(data, inputs, count=count, seed=options.seed, options=options.pictures)
