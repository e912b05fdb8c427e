"""What a document is compared with: the latest passing runs of the same model and devices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.devices.figures import DeviceMeasurement
from edgekit.history import open_history
from edgekit.history.origin import origin_here
from edgekit.history.rows import rows_of
from edgekit.history.run import Row, Run, Selection
from edgekit.report.devices import Benchmark
from edgekit.report.documents import Document, read
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
    found = [one for one in baselines_of(history, current, branch=branch) if one is not None]
    if not found or isinstance(current, Report):
        return next(iter(found), None)
    measured = [m for one in found if isinstance(one, Benchmark) for m in one.measurements]
    return Benchmark(edgekit=found[0].edgekit, measurements=tuple(measured))


def baselines_of(
    history: History, current: Document, *, branch: str | None = None,
    unlike: Sequence[Document] = (),
) -> list[Document | None]:  # fmt: skip
    """Return for each row of a document (``rows_of``) its latest passing run; None without one.

    A benchmark's are benchmarks of one measurement each. What does not count: the current document,
    those that are ``unlike``, and, in a document kept from this very commit, the current
    measurement, which a farm that was gone on with holds a second time.

    Raises:
        DestinationError, ArtifactError: as ``baseline_of``.
    """
    from edgekit.history.store import digest_of

    rows = rows_of(current)
    measured = current.measurements if isinstance(current, Benchmark) else ()
    own = [*measured, *[None] * (len(rows) - len(measured))]
    search = _Search(history, branch, [digest_of(one) for one in (current, *unlike)])
    return [search.latest(row, one) for row, one in zip(rows, own, strict=True)]


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


class _Search:
    """Looks for passing runs; every document is read once."""

    def __init__(self, history: History, branch: str | None, unlike: Sequence[str]) -> None:
        self._history, self._branch, self._unlike = history, branch, tuple(unlike)
        self._commit = origin_here().commit
        self._read: dict[str, Document] = {}

    def latest(self, row: Row, own: DeviceMeasurement | None) -> Document | None:
        """Return the latest passing run of the same as a row, whose measurement is ``own``."""
        unlike = self._unlike
        while (run := self._run(row, unlike)) is not None:
            document = self._document(run)
            if isinstance(document, Report):
                return document
            found = _measurement(document, run)
            if found is not None and not (self._commit == run.commit is not None and found == own):
                return Benchmark(edgekit=run.edgekit, measurements=(found,))
            unlike += (run.document,)
        return None

    def _run(self, row: Row, unlike: Sequence[str]) -> Run | None:
        return self._history.latest(
            Selection(
                kind=row.kind, model=row.model, target=row.target, device=row.device,
                branch=self._branch, verdict="pass",
            ),
            unlike=unlike,
        )  # fmt: skip

    def _document(self, run: Run) -> Document:
        if run.document not in self._read:
            where = f"history {self._history.place}: run {run.id}"
            self._read[run.document] = read(self._history.document(run.id), where=where)
        return self._read[run.document]


def _measurement(document: Benchmark, run: Run) -> DeviceMeasurement | None:
    """Return the measurement that a run is of; the document may have others."""
    wanted = (run.device, run.artifact_sha256)
    return next((m for m in document.measurements if (m.device, m.sha256) == wanted), None)
