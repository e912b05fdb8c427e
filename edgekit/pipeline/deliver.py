"""Puts a finished result in its place: artifact, report, details, manifest, all at once."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgekit import manifest
from edgekit.errors import DestinationError
from edgekit.files import MARKER, staged, write_atomically
from edgekit.manifest import FileDigest
from edgekit.report import documents, markdown
from edgekit.report.details import FILE as DETAILS_FILE
from edgekit.report.details import Details
from edgekit.report.model import Report

PAGE = "report.html"
_START = b"<!doctype html><!-- edgekit report -->"


@dataclass
class Pages:
    """Writes HTML reports: one beside each artifact, and one of the whole run.

    ``place`` is the folder of the model. What is drawn for the one is taken for the other.
    """

    place: Path
    entries: list[Any] = field(default_factory=list)
    sections: list[Any] = field(default_factory=list)

    def refuse_stranger(self) -> None:
        """Refuse to replace a page that edgekit did not write.

        Raises:
            DestinationError: there is one.
        """
        path = self.place / PAGE
        if not path.exists():
            return
        if path.is_file():
            with path.open("rb") as file:
                if file.read(len(_START)) == _START:
                    return
        raise DestinationError(
            f"{path}: is not a report of edgekit and would be replaced; move it, or give --no-html"
        )

    def one(
        self, report: Report, details: Details, files: dict[str, FileDigest], folder: Path
    ) -> None:
        """Write the page of one artifact into its folder."""
        from edgekit.report.html import Entry, render, section

        entry = Entry(report=report, details=details, files=files)
        body = section(len(self.entries), entry)
        self.entries.append(entry)
        self.sections.append(body)
        (folder / PAGE).write_text(render([entry], sections=[body]), encoding="utf-8")

    def all(self, failures: Sequence[tuple[str, str]]) -> Path | None:
        """Write the page of all artifacts of this run, and of the targets that failed.

        Returns where it is; None if there is no artifact, and then an earlier run's page, which
        tells of files that are not those of now, goes.

        Raises:
            DestinationError: it cannot be written, or removed.
        """
        if not self.entries:
            _removed(self.place / PAGE)
            return None
        from edgekit.report.html import Failed, render

        failed = [Failed(name=name, why=why) for name, why in failures]
        page = render(self.entries, sections=self.sections, failed=failed)
        write_atomically(self.place / PAGE, page.encode())
        return self.place / PAGE


def deliver(report: Report, made: Path, destination: Path, pages: Pages | None = None) -> None:
    """Write the folder of one target; the old one stays until the new one is whole.

    Args:
        report: Of the artifact.
        made: The folder of its files, with ``details.json``.
        destination: What to make or replace.
        pages: Writes ``report.html``; none without.

    Raises:
        DestinationError: it cannot be written, or another process is writing it.
    """
    with staged(destination) as folder:
        names = [*report.made_files, DETAILS_FILE]
        for name in names:
            shutil.copyfile(made / name, folder / name)
        (folder / "report.json").write_bytes(documents.written(report))
        (folder / "report.md").write_text(markdown.render(report), encoding="utf-8")
        files = manifest.describe(folder, [*names, "report.json", "report.md"])
        if pages is not None:
            details = documents.read_file_as(documents.DETAILS, made / DETAILS_FILE)
            pages.one(report, details, files, folder)
            files |= manifest.describe(folder, [PAGE])
        described = manifest.Manifest(
            edgekit=report.edgekit,
            source=manifest.Source(
                name=report.source.name, sha256=report.source.sha256, origin=report.source.origin
            ),
            target=report.target,
            seed=int(report.options.get("seed") or 0),
            files=files,
            command=tuple(shlex.split(report.command)),
            options=report.options,
            tools=report.tools,
            recipe=report.compression.recipe if report.compression else None,
        )
        manifest.write(described, folder / MARKER)


def _removed(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise DestinationError(f"{path}: cannot be removed: {error.strerror or error}") from error
