"""The function behind ``edgekit report``: one HTML page of reports and what devices said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgekit import manifest
from edgekit.devices.figures import DeviceMeasurement
from edgekit.errors import OptionError
from edgekit.files import MARKER
from edgekit.manifest import FileDigest
from edgekit.report.details import FILE as DETAILS_FILE
from edgekit.report.documents import BENCHMARK, DETAILS, REPORT, read_file_as
from edgekit.report.failed import FILE as FAILURES
from edgekit.report.failed import read_failures
from edgekit.report.html import Entry, Failed, render

MOST = 10


def html_report(
    reports: str | Path | Sequence[str | Path], *, benchmarks: Sequence[str | Path] = ()
) -> str:
    """Return one self-contained HTML page of up to ten reports.

    Beside each report, ``details.json`` and ``manifest.json`` are read if they are there and of the
    same artifact. Nothing is run.

    Args:
        reports: Files ``report.json``, or folders that hold one; also ``failures.json``, of targets
            that could not be made.
        benchmarks: Documents of ``edgekit bench -o`` or of a farm. A measurement goes to the
            artifact of its SHA-256; the others are listed apart.

    Raises:
        ArtifactError: a file is missing, or is not what it should be.
        OptionError: no report, more than ten, or one twice.
    """
    every = [reports] if isinstance(reports, (str, Path)) else list(reports)
    given = [path for path in every if Path(path).name != FAILURES]
    unmade = [path for path in every if Path(path).name == FAILURES]
    if not 1 <= len(given) <= MOST:
        raise OptionError(f"expected 1 to {MOST} reports, got {len(given)}")
    entries = [_entry(_located(Path(path))) for path in given]
    digests = [(e.report.artifact.sha256, e.report.target.name) for e in entries]
    if len(set(digests)) < len(digests):
        raise OptionError("a report is given twice; name each once")
    found = [read_file_as(BENCHMARK, Path(path)) for path in benchmarks]
    measured = [one for each in found for one in each.measurements]
    known = {sha256 for sha256, _ in digests}
    failed = [
        Failed(name=target, why=why)
        for path in unmade
        for target, why in read_failures(Path(path)).items()
    ]
    failed += [
        Failed(name=f"{f.device}: {Path(f.file).name}", why=f.error)
        for each in found
        for f in each.failures
    ]
    return render(
        [replace(e, devices=_of(e.report.artifact.sha256, measured)) for e in entries],
        failed=failed,
        other_devices=[one for one in measured if one.sha256 not in known],
    )


def _of(sha256: str, measured: Sequence[DeviceMeasurement]) -> tuple[DeviceMeasurement, ...]:
    return tuple(one for one in measured if one.sha256 == sha256)


def _located(path: Path) -> Path:
    return path / "report.json" if path.is_dir() else path


def _entry(path: Path) -> Entry:
    report = read_file_as(REPORT, path)
    sha256 = report.artifact.sha256
    details, beside = None, path.parent / DETAILS_FILE
    if beside.is_file():
        found = read_file_as(DETAILS, beside)
        details = found if found.artifact_sha256 == sha256 else None
    return Entry(report=report, details=details, files=_files(path, report.artifact.files))


def _files(path: Path, held: dict[str, int]) -> dict[str, FileDigest]:
    """Return what the manifest beside a report says of files, if it is of the same artifact."""
    place = path.parent / MARKER
    if not place.is_file():
        return {}
    found = manifest.read(place).files
    same = all(name in found and found[name].size_bytes == size for name, size in held.items())
    return found if same else {}
