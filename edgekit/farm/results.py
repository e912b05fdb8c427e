"""What a farm found, as one document, and what it says of budgets; one file in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from edgekit.errors import DestinationError
from edgekit.farm.journal import Journal
from edgekit.files import writing
from edgekit.report.devices import SCHEMA, Benchmark, DeviceFailure, missed_budgets
from edgekit.report.plain import to_plain
from edgekit.version import VERSION


def of_file(journal: Journal, file: str, budget: Mapping[str, float]) -> Benchmark:
    """Return what is known of one file."""
    measured, failures = [], []
    for one in journal.results(file=file):
        if one.measurement is not None:
            measured.append(one.measurement)
        elif one.state == "failed":
            failures.append(
                DeviceFailure(device=one.device or one.job.place, file=file, error=one.error)
            )
    return Benchmark(measurements=tuple(measured), failures=tuple(failures), budget=budget)


def missed(journal: Journal, budget: Mapping[str, float]) -> Iterator[str]:
    """Yield a line for each figure beyond its budget, or that nobody can tell."""
    if budget:
        for file in journal.files():
            yield from missed_budgets(of_file(journal, file, budget))


def refuse_folder(path: Path) -> None:
    """Refuse a place for the document where a folder is.

    Raises:
        DestinationError: there is one.
    """
    if path.is_dir():
        raise DestinationError(f"{path}: expected a file, or nothing, found a folder; remove it")


def write_document(journal: Journal, budget: Mapping[str, float], path: Path) -> None:
    """Write the document that ``edgekit bench -o`` writes, whole or not at all.

    Raises:
        DestinationError: it cannot be written.
    """
    with writing(path, alone=True) as file:  # whoever has the journal to write is the only one
        file.writelines(_document(journal, budget))


def _document(journal: Journal, budget: Mapping[str, float]) -> Iterator[bytes]:
    encode = msgspec.json.encode
    yield b'{"schema": %d, "edgekit": %s, "measurements": [' % (SCHEMA, encode(VERSION))
    done = (one.measurement for one in journal.results(state="done"))
    yield from _listed(encode(to_plain(one)) for one in done)
    yield b'], "failures": ['
    failed = (
        DeviceFailure(device=one.device or one.job.place, file=one.job.file, error=one.error)
        for one in journal.results(state="failed")
    )
    yield from _listed(encode(to_plain(one)) for one in failed)
    yield b'], "budget": %s}\n' % encode(to_plain(budget))


def _listed(items: Iterable[bytes]) -> Iterator[bytes]:
    for number, item in enumerate(items):
        yield (b",\n" if number else b"\n") + item
