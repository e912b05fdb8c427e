"""Everything that can be asked before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgekit.calibrate.sources import check_there
from edgekit.errors import OptionError
from edgekit.extras import require_makers
from edgekit.files import check_destination
from edgekit.pipeline.options import Options, objections
from edgekit.source import identify
from edgekit.target import Target

_ROOM_BYTES = 2**20


def ask(given: Any, options: Options, targets: Sequence[Target], places: Sequence[Path]) -> None:
    """Object to whatever can be known to fail: source, options, extras, data, destinations.

    Raises:
        SourceError: there is no file, or it is something else than a Keras model.
        DataError: calibration or evaluation data are not there.
        OptionError: options contradict each other, a target, or name an unknown metric.
        MissingExtra: a format's library is not installed.
        DestinationError: an output folder cannot be written.
    """
    if isinstance(given, (str, Path)):
        identify(Path(given))
    if said := objections(options, list(targets)):
        raise OptionError("; ".join(said))
    for target in targets:
        require_makers(target.format)
    if options.metric is not None:
        from edgekit.accuracy import metric

        metric(options.metric)
    for data in (options.calibration, options.evaluation):
        check_there(data)
    for place in places:
        check_destination(place, _ROOM_BYTES)


def resolve(targets: str | Target | Sequence[str | Target]) -> tuple[Target, ...]:
    """Return targets for names, paths and targets.

    Raises:
        OptionError: none was given, or one cannot be read.
    """
    given: Sequence[Any] = [targets] if isinstance(targets, (str, Target)) else targets
    if not given:
        raise OptionError("no target: give --target NAME; `edgekit targets` lists them")
    return tuple(t if isinstance(t, Target) else Target.load(str(t)) for t in given)
