"""Opens the data of a conversion, and lets the passes run, if there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgekit.cache import Cache
from edgekit.pipeline.assemble import Run, seed_of
from edgekit.pipeline.compress import Job, compressed
from edgekit.pipeline.compressed_workshop import CompressedWorkshop
from edgekit.pipeline.data import calibration_samples, evaluation_samples, linted
from edgekit.pipeline.labels import check_class_names
from edgekit.pipeline.lesson import Lesson
from edgekit.pipeline.make import Division
from edgekit.pipeline.plan import Plan
from edgekit.pipeline.workshop import Workshop
from edgekit.target import Target


def prepare(
    source: Workshop,
    targets: tuple[Target, ...],
    passes: Plan | None = None,
    ground: Cache | None = None,
) -> tuple[Run, ...]:
    """Return everything that is fixed before the first target is made, by the model they share.

    Without passes all share the source model.

    Args:
        source: The workshop of the source model.
        targets: What is made.
        passes: What the model goes through first, if anything.
        ground: Where killed training goes on; None without such a place.

    Raises:
        EdgekitError: data do not fit the model, or a pass fails.
    """
    options, inputs = source.options, source.facts.inputs
    check_class_names(options.class_names, source.facts.outputs, options.output)
    lesson = Lesson(options, inputs, source.keeper.progress)
    calibration = calibration_samples(options, inputs, lesson, lambda: source.loaded)
    every = Run(
        workshop=source,
        source=source,
        targets=targets,
        calibration=calibration,
        evaluation=evaluation_samples(options, inputs),
        division=Division.of(calibration) if calibration is not None else None,
        lesson=lesson,
        plan=passes,
    )
    if passes is None:
        return (every,)
    if calibration is not None:
        linted(source, calibration)  # it may raise, and hours of training may follow
    return _by_model(every, passes, ground)


def _by_model(every: Run, passes: Plan, ground: Cache | None) -> tuple[Run, ...]:
    """Let the passes make every model that is needed; return the run of each."""
    stages, found = every.source.keeper.stages, list[Run]()
    first = len(stages)
    for group in passes.groups(every.targets):
        began, made = len(stages), compressed(_job(every, passes, group, ground))
        found.append(replace(
            every,
            workshop=CompressedWorkshop(every.source, made),
            targets=group,
            compressed=made,
            leads=not found,
            own=range(began, len(stages)),
        ))  # fmt: skip
    return tuple(replace(run, of_models=range(first, len(stages))) for run in found)


def _job(every: Run, passes: Plan, group: Sequence[Target], ground: Cache | None) -> Job:
    return Job(
        shop=every.source,
        plan=passes,
        lesson=every.lesson,
        target=passes.target_of(group),
        samples=every.division.fit if every.division is not None else None,
        seed=seed_of(every.source.options, every.calibration),
        ground=ground,
    )
