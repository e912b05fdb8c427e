"""What a document is compared with: the latest passing runs of the same model and devices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.devices.figures import DeviceMeasurement
from edgekit.history import open_history
from edgekit.history.documents import read
from edgekit.history.rows import Document, rows_of
from edgekit.history.run import Row, Run, Selection
from edgekit.report.devices import Benchmark
from edgekit.report.model import Report

if TYPE_CHECKING:
    from edgekit.history.store import History


def baseline_of(
    history: History, current: Document, *, branch: str | None = None
) -> Document | None:
    """Return the latest passing run of the same model, target and device, as a document.

    For a report that is a report. For a benchmark it is a benchmark with a measurement for each of
    the current ones that has a passing run; these may come from several documents. The current
    document itself does not count, so that it may be in the history already. None where there is
    nothing to compare with.

    Args:
        history: Where to look.
        current: What is to be compared.
        branch: Only runs of this Git branch.

    Raises:
        DestinationError: the history cannot be read.
        ArtifactError: a document of another version of edgekit cannot be read any more.
    """
    found = (_latest(history, row, current, branch) for row in rows_of(current))
    documents = [(run, _document(history, run)) for run in found if run is not None]
    if not documents:
        return None
    if isinstance(current, Report):
        return documents[0][1]
    measured = [one for run, document in documents for one in _measurements(document, run)]
    return Benchmark(edgekit=documents[0][0].edgekit, measurements=tuple(measured))


def baseline_at(
    place: str | Path, current: Document, *, branch: str | None = None
) -> Document | None:
    """Return what ``baseline_of`` does, from the history in a file or at a URL.

    Raises:
        MissingExtra, DestinationError, OptionError, ArtifactError: the history cannot be opened, or
            its document cannot be read.
    """
    with open_history(place) as history:
        return baseline_of(history, current, branch=branch)


def _latest(history: History, row: Row, current: Document, branch: str | None) -> Run | None:
    return history.latest(
        Selection(
            kind=row.kind, model=row.model, target=row.target, device=row.device, branch=branch,
            verdict="pass",
        ),
        unlike=current,
    )  # fmt: skip


def _document(history: History, run: Run) -> Document:
    return read(history.document(run.id), where=f"history {history.place}: run {run.id}")


def _measurements(document: Document, run: Run) -> list[DeviceMeasurement]:
    """Return the measurement that a run is of; the document may have others."""
    if not isinstance(document, Benchmark):
        return []
    wanted = (run.device, run.artifact_sha256)
    return [one for one in document.measurements if (one.device, one.sha256) == wanted][:1]
