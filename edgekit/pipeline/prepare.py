"""Opens the data of a conversion, and lets the passes run, if there are any."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.cache import Cache
from edgekit.pipeline.assemble import Run, seed_of
from edgekit.pipeline.compress import Compressed, Job, compressed
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
    division = Division.of(calibration) if calibration is not None else None
    evaluation = evaluation_samples(options, inputs)
    if passes is not None and calibration is not None:
        linted(source, calibration)  # it may raise, and hours of training may follow

    def made_for(group: Sequence[Target]) -> Compressed | None:
        if passes is None:
            return None
        return compressed(
            Job(
                shop=source,
                plan=passes,
                lesson=lesson,
                target=passes.target_of(group),
                samples=division.fit if division is not None else None,
                seed=seed_of(options, calibration),
                ground=ground,
            )
        )

    groups = [targets] if passes is None else passes.groups(targets)
    stages, found = source.keeper.stages, []
    for group in groups:
        began = len(stages)
        found.append((group, made_for(group), range(began, len(stages))))
    return tuple(
        Run(
            workshop=source if made is None else CompressedWorkshop(source, made),
            source=source,
            targets=group,
            leads=group is groups[0],
            own=own,
            others=range(found[0][2].start, len(stages)),
            calibration=calibration,
            evaluation=evaluation,
            division=division,
            lesson=lesson,
            plan=passes,
            compressed=made,
        )
        for group, made, own in found
    )
