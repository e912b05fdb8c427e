"""Runs the passes of a recipe on a source model, and keeps what comes out."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from edgekit.cache import Cache, key, tool_versions
from edgekit.calibrate.samples import Samples
from edgekit.errors import EdgekitError, PassError, TrainingError
from edgekit.files import scratch
from edgekit.passes import Context, Simulation
from edgekit.passes.base import signed
from edgekit.passes.graph import flat
from edgekit.pipeline.child import foreign_backend
from edgekit.pipeline.ends import Ends
from edgekit.pipeline.knowable import code_digest, code_of
from edgekit.pipeline.lesson import Lesson, Recording
from edgekit.pipeline.model_latency import host_latency_ms
from edgekit.pipeline.plan import Plan, options_of
from edgekit.pipeline.weigh import weighed
from edgekit.pipeline.workshop import Workshop
from edgekit.report.model import ModelFigures, PassFacts, TrainingFacts
from edgekit.report.plain import from_plain, to_plain
from edgekit.source import load, save_object
from edgekit.source.origins import importable
from edgekit.target import Target

MODEL, OUTCOME = "model.keras", "outcome.json"


@dataclass(frozen=True, kw_only=True)
class Story:
    """What the passes did: the content of ``outcome.json``."""

    before: ModelFigures
    after: ModelFigures
    passes: tuple[PassFacts, ...]
    task: str | None = None
    simulation: Simulation | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Compressed:
    """A model that a recipe made, as ``.keras``; ``live`` if it was made in this process."""

    path: Path
    story: Story
    live: Any = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """What a recipe is run on.

    Args:
        shop: Of the source model.
        plan: The passes.
        lesson: Training data.
        target: What the model will become, if that is known.
        samples: Calibration samples, if there are any.
        seed: Of every random choice.
        ground: Where work that was killed is found again; None if it shall leave nothing.
    """

    shop: Workshop
    plan: Plan
    lesson: Lesson
    target: Target | None = None
    samples: Samples | None = None
    seed: int = 0
    ground: Cache | None = None


def compressed(job: Job) -> Compressed:
    """Return what the recipe makes of the source model: kept, or made now.

    Raises:
        PassError: a pass cannot be run on this model, or failed on it; the text names it, and
            those before it.
        TrainingError, DataError: training cannot begin, or went astray.
    """
    made: list[Any] = []
    parts = _parts(job)

    def write(folder: Path) -> None:
        with _workplace(job, parts) as work:
            made.append(_run(job, folder, work))

    keeper = job.shop.keeper
    folder = keeper.kept("compress", _base(job), parts, write, name=f"recipe {_name(job)}")
    plain = json.loads((folder / OUTCOME).read_bytes())
    return Compressed(
        path=folder / MODEL,
        story=from_plain(plain, Story, where=OUTCOME),
        live=made[0] if made else None,
    )


def _name(job: Job) -> str:
    return job.plan.recipe.name


def _base(job: Job) -> dict[str, Any]:
    """What every pass depends on beside its options: the source, and who computes."""
    options, backend = job.shop.options, foreign_backend() or "tensorflow"
    return {
        "source": job.shop.sha256,
        "custom_objects": list(options.custom_objects),
        "allow_code": options.allow_code,
        "backend": backend,
        "tools": tool_versions(),
    }


def _parts(job: Job) -> dict[str, Any]:
    plan, target = job.plan, job.target
    trains, calibrates = "training" in plan.needs, "calibration" in plan.needs
    return {
        "passes": [{"name": each.name, **options_of(each)} for each in plan.passes],
        "target": {"format": target.format, **asdict(target.quantization)} if target else {},
        "training": asdict(job.lesson.training) if trains else {},
        "train": job.lesson.digest if trains else "",
        "calibration": job.samples.digest if calibrates and job.samples is not None else "",
        "seed": job.seed,
        "code": "" if plan.known_by_content else None,
    }


@contextlib.contextmanager
def _workplace(job: Job, parts: Mapping[str, Any]) -> Iterator[Path]:
    """Give a folder for checkpoints: where work of the same key was killed, it goes on."""
    named = dict(parts)
    if "training" in job.plan.needs and job.lesson.is_code:
        named["train"] = _code(job.lesson.origin)
        named["calibration"] = named["calibration"] or named["train"]
    if not job.plan.known_by_content:
        places = [f"{type(each).__module__}:{type(each).__name__}" for each in job.plan.passes]
        named["code"] = code_digest(places)
    named["model"] = code_of(job.shop.given, job.shop.options)
    known = all(part is not None for part in named.values())
    if job.ground is None or not known:
        with scratch() as folder:
            yield folder
        return
    with job.ground.unfinished(key("compress", **_base(job), **named)) as folder:
        yield folder


def _code(origin: str) -> str | None:
    return code_digest([origin]) if ":" in origin else None


def _run(job: Job, folder: Path, work: Path) -> Any:
    """Run every pass, save the model and its story in a folder, and return the model."""
    plan, keeper = job.plan, job.shop.keeper
    model, teacher = _copies(job)
    trainer = _trainer(job) if "training" in plan.needs else None
    ends, before = Ends.of(model), weighed(model)
    simulation, facts = None, list[PassFacts]()
    for number, each in enumerate(plan.passes, 1):
        own = Recording(trainer, work / f"{number}-{each.name}") if trainer else None
        context = Context(
            target=job.target,
            teacher=teacher,
            samples=job.samples if "calibration" in each.needs else None,
            trainer=own if "training" in each.needs else None,
            seed=job.seed,
            progress=keeper.progress,
            simulation=simulation,
            latency_ms=_latency(job) if "latency" in each.needs else None,
        )
        began = time.perf_counter()
        with keeper.timed(f"pass {each.name}"), _blaming(plan, number):
            outcome = signed(each.run(model, context), each.name)
            ends.check(outcome.model)
        model, simulation = outcome.model, outcome.simulation or simulation
        seconds = time.perf_counter() - began
        facts.append(
            PassFacts(
                name=each.name,
                options=to_plain(options_of(each)),
                seconds=seconds,
                treatments=outcome.treatments,
                figures={name: float(figure) for name, figure in outcome.figures.items()},
                trainings=_trainings(own) if own else (),
            )
        )
    story = Story(
        before=before,
        after=weighed(model),
        passes=tuple(facts),
        task=trainer.task if trainer else None,
        simulation=simulation,
    )
    _save(model, story, folder)
    return model


def _latency(job: Job) -> Callable[[Any], float] | None:
    """Return what times a model in the target's format; None where nothing can be exported."""
    if foreign_backend() is not None:
        return None
    kind = job.target.format if job.target else "tflite"
    return partial(host_latency_ms, kind=kind, shapes=job.shop.options.input_shapes)


def _copies(job: Job) -> tuple[Any, Any]:
    """Return two copies of the source model: one to change, one to learn from.

    Raises:
        PassError: a pass needs a graph, and the model has none.
    """
    loaded = job.shop.loaded
    if "graph" not in job.plan.needs:
        return _again(job), _again(job)
    try:
        return flat(loaded.model), flat(loaded.model)
    except PassError as error:
        name = job.plan.first("graph")
        raise PassError(
            f"recipe {_name(job)!r}: {name} works on the graph of a model: {error}"
        ) from error


def _again(job: Job) -> Any:
    """Load a copy of a model of any kind."""
    shop, options = job.shop, job.shop.options
    if isinstance(shop.given, (str, Path)):
        return load(
            shop.given, custom_objects=options.custom_objects, allow_code=options.allow_code
        ).model
    with scratch() as place:
        path = save_object(shop.given, place)
        objects = (*options.custom_objects, *importable(shop.given, options.custom_objects))
        return load(path, custom_objects=objects, allow_code=True).model


def _trainer(job: Job) -> Any:
    """Open the training data, and refuse such as nothing can be learnt from.

    Raises:
        TrainingError: labels are missing, and a pass needs them.
    """
    with job.shop.keeper.timed("open training data"):
        trainer = job.lesson.trainer(job.shop.loaded)
    if "labels" in job.plan.needs and not trainer.labelled:
        raise TrainingError(
            f"{job.lesson.origin}: {job.plan.first('labels')} of recipe {_name(job)!r} learns from "
            "labels, and the data have none: add an array y, or learn from the source model alone "
            "with the pass distill and weight = 1"
        )
    return trainer


@contextlib.contextmanager
def _blaming(plan: Plan, number: int) -> Iterator[None]:
    """Let an error say in which pass it arose, and after which ones."""
    names = [each.name for each in plan.passes]
    where = f"pass {names[number - 1]!r}"
    if len(names) > 1:
        where += f" (step {number} of {len(names)}"
        where += f", after {', '.join(names[: number - 1])})" if number > 1 else ")"
    try:
        yield
    except EdgekitError as error:
        failed = EdgekitError.__new__(type(error))
        failed.args = (f"{where}: {error}",)
        raise failed from error
    except Exception as error:
        error.add_note(f"in {where} of recipe {plan.recipe.name!r}")
        raise


def _trainings(trainer: Recording) -> tuple[TrainingFacts, ...]:
    return tuple(
        TrainingFacts(
            label=label,
            epochs=fitted.epochs,
            best_epoch=fitted.best_epoch,
            history={name: tuple(map(float, run)) for name, run in fitted.history.items()},
        )
        for label, fitted in trainer.fits
    )


def _save(model: Any, story: Story, folder: Path) -> None:
    try:
        model.save(folder / MODEL)
    except Exception as error:
        raise PassError(
            f"the compressed model cannot be saved as .keras: {type(error).__name__}: {error}; "
            "give its custom layers a get_config"
        ) from error
    (folder / OUTCOME).write_bytes(msgspec.json.encode(to_plain(story)))
