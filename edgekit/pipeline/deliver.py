"""Puts a finished result in its place: artifact, report, manifest, all at once."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from edgekit import manifest
from edgekit.files import MARKER, staged
from edgekit.report import document, markdown
from edgekit.report.model import Report


def deliver(report: Report, made: Path, destination: Path) -> None:
    """Write the folder of one target; the old one stays until the new one is whole.

    Raises:
        DestinationError: it cannot be written, or another process is writing it.
    """
    with staged(destination) as folder:
        names = list(report.made_files)
        for name in names:
            shutil.copyfile(made / name, folder / name)
        (folder / "report.json").write_bytes(document.to_json(report))
        (folder / "report.md").write_text(markdown.render(report), encoding="utf-8")
        described = manifest.Manifest(
            edgekit=report.edgekit,
            source=manifest.Source(
                name=report.source.name, sha256=report.source.sha256, origin=report.source.origin
            ),
            target=report.target,
            seed=int(report.options.get("seed") or 0),
            files=manifest.describe(folder, [*names, "report.json", "report.md"]),
            command=tuple(shlex.split(report.command)),
            options=report.options,
            tools=report.tools,
            recipe=report.compression.recipe if report.compression else None,
        )
        manifest.write(described, folder / MARKER)
