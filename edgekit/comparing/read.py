"""Reads what can be compared: reports, documents of devices, manifests, folders, artifacts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from edgekit import manifest
from edgekit.comparing.of_audit import audit_record
from edgekit.comparing.of_benchmark import benchmark_records
from edgekit.comparing.of_report import report_record
from edgekit.comparing.subject import Record, Source, Subject
from edgekit.errors import ArtifactError, OptionError
from edgekit.files import MARKER
from edgekit.report.devices import Benchmark
from edgekit.report.documents import BENCHMARK, REPORT, built, content_of, decoded
from edgekit.report.model import Report
from edgekit.runtimes import SUFFIXES

_KNOWN = (
    "a report.json of `convert`, a document of `bench` or `farm`, a manifest.json, a"
    f" folder with one of them, or a file that ends in {', '.join(SUFFIXES)}"
)
_EXPECTED = f"expected {_KNOWN}"
Found = tuple[list[Record], Source | None]
"""Records, and the document that they are from, if it is one of ours."""

_DEEPEST = ("report.json", "*/report.json", "*/*/report.json", "benchmark.json")
HISTORY = "history:"
_OF_HISTORY = "`edgekit compare history:DB REPORT`, `edgekit gate REPORT --baseline history:DB`"


def read_subject(given: Any) -> Subject:
    """Return the records of a path, or of what ``convert`` and ``benchmark`` return.

    Several paths are taken together. A path may end in ``#PATTERN``: of a document of devices, only
    files whose path it matches.

    Raises:
        ArtifactError: it is none of these, cannot be read, or two records are of the same model,
            target and device.
    """
    if isinstance(given, Subject):
        return given
    name, found = _given(given)
    records = [record for each, _ in found for record in each]
    if not records:
        raise ArtifactError(f"{name}: holds nothing to compare; {_EXPECTED}")
    seen: set[tuple[str, str, str]] = set()
    for record in records:
        if record.key in seen:
            raise ArtifactError(
                f"{name}: two entries of model {record.model!r}, target {record.target!r} on"
                f" {record.device!r}; choose files with #PATTERN, as in benchmark.json#new/*"
            )
        seen.add(record.key)
    sources = tuple(source for _, source in found if source is not None)
    return Subject(name=name, records=tuple(records), sources=sources)


def _given(given: Any) -> tuple[str, list[Found]]:
    if isinstance(given, Report):
        return given.source.name, [_of_report(given)]
    if isinstance(given, Benchmark):
        return "benchmark", [_of_benchmark(given)]
    if reports := _reports(given):
        return reports[0].source.name, [_of_report(one) for one in reports]
    if isinstance(given, (str, Path)):
        return str(given), _of_path(str(given))
    if paths := _paths(given):
        return ", ".join(paths), [one for path in paths for one in _of_path(path)]
    raise ArtifactError(f"{type(given).__name__}: {_EXPECTED}")


def _of_report(report: Report) -> Found:
    return [report_record(report)], Source(document=report)


def _of_benchmark(found: Benchmark, only: str = "") -> Found:
    return list(benchmark_records(found, only=only)), Source(document=found, only=only)


def _reports(given: Any) -> list[Report]:
    """Return the reports of a Conversion, or of a list of them."""
    found = getattr(given, "reports", given)
    several = isinstance(found, Sequence) and not isinstance(found, str)
    return list(found) if several and all(isinstance(one, Report) for one in found) else []


def _paths(given: Any) -> list[str]:
    """Return several paths, if that is what was given."""
    several = isinstance(given, (list, tuple))
    paths = several and all(isinstance(one, (str, Path)) for one in given)
    return [str(one) for one in given] if paths else []


def _of_path(given: str) -> list[Found]:
    if given.startswith(HISTORY):
        raise OptionError(f"a history is what others are compared with: {_OF_HISTORY}")
    path, only = Path(given), ""
    if "#" in given and not path.exists():
        before, _, only = given.rpartition("#")
        path = Path(before)
    try:
        if path.is_dir():
            return _of_folder(path, only)
        if path.suffix.lower() in SUFFIXES:
            from edgekit.auditing import audit

            return [([audit_record(audit(path))], None)]
        return _of_document(path, only)
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error.strerror}); {_EXPECTED}") from error


def _of_folder(folder: Path, only: str) -> list[Found]:
    for pattern in _DEEPEST:
        if found := sorted(folder.glob(pattern)):
            return [one for path in found for one in _of_document(path, only)]
    if (folder / MARKER).is_file():
        return _of_manifest(folder / MARKER)
    return [(_of_files(folder.iterdir()), None)]


def _of_document(path: Path, only: str) -> list[Found]:
    content = content_of(path, expected=_KNOWN)
    plain = decoded(content, where=str(path), expected=_KNOWN)
    if BENCHMARK.is_of(plain):
        return [_of_benchmark(built(plain, BENCHMARK, where=str(path)), only)]
    if only:
        raise ArtifactError(f"{path}: #{only} chooses files of a document of `bench` or `farm`")
    if isinstance(reports := plain.get("reports"), list):
        return [
            _of_report(built(one, REPORT, where=f"{path}: reports[{at}]"))
            for at, one in enumerate(reports)
        ]
    if REPORT.is_of(plain):
        return [_of_report(built(plain, REPORT, where=str(path)))]
    if "files" in plain and "target" in plain:
        return _of_manifest(path)
    raise ArtifactError(f"{path}: {_EXPECTED}")


def _of_manifest(path: Path) -> list[Found]:
    """Return the report beside a manifest, or else what the files say, under the manifest's names.

    The files must be those that the manifest describes.
    """
    said = manifest.read(path)
    if wrong := manifest.verify(path):
        raise ArtifactError(f"{path}: {wrong[0]}; convert again")
    beside = path.parent / "report.json"
    if beside.is_file():
        return _of_document(beside, "")
    from dataclasses import replace

    records = [
        replace(record, model=said.source.name, target=said.target.name)
        for record in _of_files(path.parent / name for name in said.files)
    ]
    return [(records, None)]


def _of_files(paths: Iterable[Path]) -> list[Record]:
    from edgekit.auditing import audit

    return [audit_record(audit(path)) for path in sorted(paths) if path.suffix.lower() in SUFFIXES]
