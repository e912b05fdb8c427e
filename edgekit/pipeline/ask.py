"""Everything that can be asked before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgekit.calibrate.sources import check_there
from edgekit.errors import OptionError
from edgekit.extras import require_makers
from edgekit.files import check_destination
from edgekit.pipeline.options import Options, changed, objections
from edgekit.pipeline.plan import Plan, plan
from edgekit.source import identify
from edgekit.target import Target

_ROOM_BYTES = 2**20


def ask(
    given: Any, options: Options, targets: Sequence[Target], places: Sequence[Path]
) -> Plan | None:
    """Object to whatever can be known to fail: source, options, extras, data, destinations.

    Returns the passes that the model goes through first, if any.

    Raises:
        SourceError: there is no file, or it is something else than a Keras model.
        DataError: calibration or evaluation data are not there.
        OptionError: options contradict each other, a target, or name an unknown metric.
        MissingExtra: a format's library is not installed.
        DestinationError: an output folder cannot be written.
    """
    if isinstance(given, (str, Path)):
        identify(Path(given))
    passes = None if options.recipe is None else plan(options.recipe, options.settings)
    said = objections(options, list(targets))
    if passes is not None:
        said = pass_objections(passes, options, passes.target_of(targets)) + said
    if said:
        raise OptionError("; ".join(said))
    for target in targets:
        require_makers(target.format)
    check_data(options)
    for place in places:
        check_destination(place, _ROOM_BYTES)
    return passes


def check_data(options: Options) -> None:
    """Refuse data that are not there, and a metric that nobody knows.

    Raises:
        DataError: nothing is there.
        OptionError: there is no such metric.
    """
    if options.metric is not None:
        from edgekit.accuracy import metric

        metric(options.metric)
    for data in (options.calibration, options.evaluation, options.train):
        check_there(data)


def pass_objections(passes: Plan, options: Options, target: Target | None) -> list[str]:
    """Say what passes miss, and what is given that none of them takes."""
    said, name = passes.objections(target), f"recipe {passes.recipe.name!r}"
    trains = "training" in passes.needs
    if trains and options.train is None:
        labels = "labelled samples" if "labels" in passes.needs else "samples, labels or none"
        said.append(
            f"{name}: {passes.first('training')} trains: give --train DATA, {labels} "
            "(.npz, .csv, a folder of pictures, module:function, or a profile's name)"
        )
    elif "calibration" in passes.needs and options.samples_from is None:
        said.append(
            f"{name}: {passes.first('calibration')} needs samples: give --calibration DATA "
            "(.npz, .npy, .csv, a folder of pictures, module:function, or a profile's name)"
        )
    if not trains and options.train is not None and options.calibration is not None:
        said.append(f"{name} trains nothing: leave --train out")
    if not trains and (asked := changed(options.training)):
        said.append(f"{name} trains nothing: leave --{asked[0].replace('_', '-')} out")
    return said


def resolve(targets: str | Target | Sequence[str | Target]) -> tuple[Target, ...]:
    """Return targets for names, paths and targets.

    Raises:
        OptionError: none was given, or one cannot be read.
    """
    given: Sequence[Any] = [targets] if isinstance(targets, (str, Target)) else targets
    if not given:
        raise OptionError("no target: give --target NAME; `edgekit targets` lists them")
    return tuple(t if isinstance(t, Target) else Target.load(str(t)) for t in given)
