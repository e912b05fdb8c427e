"""What a history has to compare with: of each record the latest run that passed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edgekit.comparing.of_benchmark import benchmark_records, chosen
from edgekit.comparing.of_report import report_record
from edgekit.comparing.read import HISTORY, read_subject
from edgekit.comparing.subject import Record, Subject
from edgekit.errors import ArtifactError, OptionError
from edgekit.report.devices import Benchmark
from edgekit.report.model import Report

if TYPE_CHECKING:
    from edgekit.history.store import History

_BRANCH = "branch="


def read_before(given: Any, current: Subject) -> Subject:
    """Return what ``current`` is compared with: what ``read_subject`` takes, or a history.

    Raises:
        ArtifactError: it cannot be read.
        MissingExtra, DestinationError, OptionError: the history cannot be opened.
    """
    if isinstance(given, str) and given.startswith(HISTORY):
        return history_subject(given, current)
    return read_subject(given)


def history_subject(given: str, current: Subject) -> Subject:
    """Return of each record of ``current`` what the latest passing run of the same tells.

    Records bear the names that they have in ``current``; those without such a run have none. The
    documents of ``current`` do not count, so that they may be in the history already.

    Args:
        given: ``history:`` and a file or an SQLAlchemy URL; ``?branch=NAME`` at its end (``&`` in a
            URL that has a query) takes only runs of that Git branch.
        current: What is to be compared.

    Raises:
        ArtifactError: ``current`` is of no document that a history can hold.
        MissingExtra, DestinationError, OptionError: the history cannot be opened.
    """
    place, branch = _parts(given)
    if not current.sources:
        raise ArtifactError(
            f"{current.name}: expected a report.json or a document of `bench` or `farm`; a history"
            " tells nothing of a file alone"
        )
    from edgekit.history import open_history

    with open_history(place) as history:
        records = tuple(_records(history, current, branch))
        name = f"{HISTORY}{history.place}"
    return Subject(name=name if branch is None else f"{name}, branch {branch}", records=records)


def _parts(given: str) -> tuple[str, str | None]:
    """Return the place and the branch; a branch's name is taken as it stands."""
    place = given.removeprefix(HISTORY)
    at = max(place.rfind(f"{sign}{_BRANCH}") for sign in "?&")
    if at < 0:
        return place, None
    place, branch = place[:at], place[at + 1 + len(_BRANCH) :]
    if not branch:
        raise OptionError("history: expected ?branch=NAME, got no name")
    return place, branch


def _records(history: History, current: Subject, branch: str | None) -> Iterator[Record]:
    from edgekit.history.baseline import baselines_of

    documents = [source.document for source in current.sources]
    for source in current.sources:
        others = [one for one in documents if one is not source.document]
        found = baselines_of(history, source.document, branch=branch, unlike=others)
        for (own, file), earlier in zip(_in_rows(source.document), found, strict=True):
            if earlier is not None and chosen(file, source.only):
                yield _renamed(_in_rows(earlier)[0][0], own)


def _in_rows(document: Report | Benchmark) -> list[tuple[Record, str]]:
    """Return a document's records and their files, one for each row that a history has of it."""
    if isinstance(document, Report):
        return [(report_record(document), "")]
    files = [one.file for one in document.measurements]
    files += [one.file for one in document.unmeasured]
    return list(zip(benchmark_records(document), files, strict=True))


def _renamed(record: Record, own: Record) -> Record:
    return replace(record, model=own.model, target=own.target, device=own.device)
