"""One conversion: ask, make, learn, and hand everything over."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgekit import runtimes
from edgekit.artifact import MAIN_FILES, Artifact
from edgekit.cache import key, open_cache
from edgekit.errors import DeviceError, EdgekitError, ExportError, MissingExtra, QuantizeError
from edgekit.files import scratch
from edgekit.pipeline import c_files
from edgekit.pipeline.ask import ask
from edgekit.pipeline.assemble import (
    Run,
    command,
    learn_all,
    options_of,
    origin_of,
    static_formats,
)
from edgekit.pipeline.child import convert_in_child, foreign_backend
from edgekit.pipeline.companion import made_together, worth_it
from edgekit.pipeline.data import with_profile
from edgekit.pipeline.deliver import PAGE, Pages, deliver
from edgekit.pipeline.knowable import known_by_content
from edgekit.pipeline.options import Options
from edgekit.pipeline.prepare import prepare
from edgekit.pipeline.workshop import Workshop
from edgekit.progress import Progress, Silent
from edgekit.quiet import quiet
from edgekit.report import documents
from edgekit.report.details import FILE as DETAILS_FILE
from edgekit.report.failed import keep_failures
from edgekit.report.model import Report, Stage
from edgekit.shown import shown
from edgekit.source import folder_name
from edgekit.target import Target


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A target that could not be made, and why; nothing was written for it."""

    target: str
    error: EdgekitError


@shown("conversion")
@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What a conversion handed over: a report and a folder for each target that could be made.

    ``page`` is the HTML report over all of them, if one was written.
    """

    reports: tuple[Report, ...]
    folders: tuple[Path, ...]
    failures: tuple[Failure, ...] = ()
    page: Path | None = None

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The artifacts, as they lie in their folders."""
        return tuple(
            runtimes.describe(folder / MAIN_FILES[report.target.format])
            for report, folder in zip(self.reports, self.folders, strict=True)
        )


def run(
    given: Any, targets: tuple[Target, ...], out: Path, options: Options, *,
    keep: bool = True, progress: Progress | None = None,
) -> Conversion:  # fmt: skip
    """Convert a source model to every target.

    Folders are ``out/<model>/<target>``; each appears whole or not at all. A target that cannot
    be exported or quantized is a failure among the results, and the others go on. With
    ``keep=False``, or where a model's own code could change unseen, nothing is read from or left in
    the user's cache.

    Raises:
        EdgekitError: what concerns all targets; see ``edgekit.convert``.
    """
    name, options = name_of(given), with_profile(options)
    places = [out / name / target.name for target in targets]
    passes = ask(given, options, targets, places)
    pages = Pages(out / name) if options.html else None
    if pages is not None:
        pages.refuse_stranger()
    if foreign_backend() is not None:
        return _elsewhere(given, targets, out, options, keep=keep)
    with contextlib.ExitStack() as stack:
        stack.enter_context(quiet())
        cache = stack.enter_context(open_cache(keep=keep and known_by_content(given, options)))
        ground = stack.enter_context(open_cache()) if keep and passes is not None else None
        place_for_all = stack.enter_context(scratch())
        shop = Workshop(given, options, cache, progress or Silent())
        if worth_it(shop, targets):
            runs, failed = made_together(shop, targets, place_for_all / "claims")
        else:
            runs, failed = prepare(shop, targets, passes, ground), {}
        reports, folders, failures = [], [], []
        for number, (target, place) in enumerate(zip(targets, places, strict=True)):
            if target.name in failed:
                failures.append(Failure(target=target.name, error=failed[target.name]))
                continue
            prepared = next(run for run in runs if target in run.targets)
            try:
                report, made = _one(prepared, target, name, place_for_all / str(number))
            except (ExportError, QuantizeError, MissingExtra, DeviceError) as error:
                failures.append(Failure(target=target.name, error=error))
                continue
            deliver(report, made, place, pages)
            reports.append(report)
            folders.append(place)
        failed_now = {one.target: str(one.error) for one in failures}
        keep_failures(out / name, [one.target.name for one in reports], failed_now)
        page = pages.all([(f.target, str(f.error)) for f in failures]) if pages else None
    return Conversion(
        reports=tuple(reports), folders=tuple(folders), failures=tuple(failures), page=page
    )


def _elsewhere(
    given: Any, targets: tuple[Target, ...], out: Path, options: Options, *, keep: bool
) -> Conversion:
    folders, failures = convert_in_child(given, targets, out, options, keep=keep)
    return Conversion(
        reports=tuple(
            documents.read_file_as(documents.REPORT, folder / "report.json") for folder in folders
        ),
        folders=tuple(folders),
        failures=tuple(Failure(target=name, error=error) for name, error in failures),
        page=folders[0].parent / PAGE if options.html and folders else None,
    )


def name_of(given: Any) -> str:
    """Return the folder name of a source model, without loading it."""
    if isinstance(given, (str, Path)):
        return folder_name(Path(given).stem or str(given))
    return folder_name(str(getattr(given, "name", "model")))


def _one(prepared: Run, target: Target, name: str, place: Path) -> tuple[Report, Path]:
    """Return the report of one target and the folder of its files: kept, or made now."""
    workshop, entry = prepared.workshop, _key(prepared, target, name)
    if entry is not None and (found := workshop.keeper.cache.get(entry)) is not None:
        report = documents.read_file_as(documents.REPORT, found / "report.json")
        return _of_this_run(report, prepared, target, name), found

    def fill(folder: Path) -> None:
        report, details = learn_all(prepared, target, folder, name)
        (folder / "report.json").write_bytes(documents.written(report))
        (folder / DETAILS_FILE).write_bytes(documents.written(details, compact=True))

    if entry is None:
        place.mkdir()
        fill(place)
    else:
        place = workshop.keeper.cache.put(entry, fill)
    return documents.read_file_as(documents.REPORT, place / "report.json"), place


def _of_this_run(report: Report, prepared: Run, target: Target, name: str) -> Report:
    """Return a kept report under the names of this run: the same bytes may lie elsewhere now."""
    return replace(
        report,
        source=replace(report.source, name=name, origin=origin_of(prepared.source.given)),
        stages=(Stage(name="everything", seconds=0.0, cached=True),),
        command=command(prepared, target),
    )


def _key(prepared: Run, target: Target, name: str) -> str | None:
    """Name the whole result; None where it depends on user code, which may change unseen."""
    if ":" in (prepared.workshop.options.metric or ""):
        return None
    digests = [s.digest for s in (prepared.calibration, prepared.evaluation) if s is not None]
    if prepared.plan is not None:
        # Training of the same data may end elsewhere on another machine: the model itself counts.
        digests.append(prepared.workshop.sha256)
    if any(digest is None for digest in digests):
        return None
    # Names in C source are the model's, and its arena is told by a tool beside the usual ones.
    as_c = {"name": name, "runtime": c_files.runtime(target)} if target.c_source else {}
    return key(
        "run",
        **as_c,
        **prepared.source.base,
        target=target,
        options=options_of(prepared),
        data=digests,
        static=static_formats(prepared.targets),
    )
