"""Runs that were kept, to be listed, plotted and compared with (extra ``history``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.extras import require
from edgekit.history.origin import origin_here
from edgekit.history.run import METRICS, VERDICTS, Origin, Point, Run, Selection, Series

if TYPE_CHECKING:
    from edgekit.history.store import History

__all__ = [
    "METRICS",
    "VERDICTS",
    "Origin",
    "Point",
    "Run",
    "Selection",
    "Series",
    "open_history",
    "origin_here",
]


def open_history(place: str | Path, *, writes: bool = False) -> History:
    """Open the history in an SQLite file, or at an SQLAlchemy URL.

    With ``writes`` a new one is begun where none is. One of an older edgekit is migrated.

    Raises:
        MissingExtra: the extra ``history`` is not installed.
        DestinationError: it cannot be reached or written, a newer edgekit made it, or there is none
            to read.
        OptionError: the place is none, or its driver is not installed.
    """
    require("history", "sqlalchemy", "alembic")
    from edgekit.history.store import History

    return History.open(place, writes=writes)
