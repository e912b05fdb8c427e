"""A compressed Keras model on a terminal: what each pass did, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from edgekit.report import text
from edgekit.report.model import CompressionReport
from edgekit.report.passes import changes, pass_rows
from edgekit.report.terminal.table import table

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

_LONG = 2000


def compression(report: CompressionReport) -> Group:
    """Return what fits 80 columns: a row for each pass, and figures before and after."""
    from rich.console import Group
    from rich.text import Text

    facts = report.compression
    said = [f"{report.source.name}: {facts.recipe}: {facts.description}"]
    if facts.task:
        said.append(f"trained for {facts.task}")
    heading = ("pass", "treated", "left", "training", "time")
    parts: list[Text | Table] = [
        Text(text.visible(line, most=_LONG), style="bold" if at == 0 else "")
        for at, line in enumerate(said)
    ]
    parts += [Text(), table(heading, _visible(pass_rows(report.passes)), right=(1, 2, 4))]
    rows = [*changes(facts), *_scores(report)]
    parts += [Text(), table(("", "before", "after", "change"), _visible(rows), right=(1, 2, 3))]
    parts += [Text(f"note: {text.visible(line, most=_LONG)}") for line in report.warnings]
    return Group(*parts)


def _scores(report: CompressionReport) -> Iterator[tuple[str, str, str, str]]:
    found = report.evaluation
    if found is None:
        return
    if found.metric is not None:
        name = f"{text.visible(found.metric)}, {found.samples} samples"
        scores = text.score(found.source_score), text.score(found.artifact_score)
        yield name, *scores, f"drop {text.drop(found)}"
    if found.agreement is not None:
        yield "share of equal answers", "", text.share(found.agreement), ""


def _visible(rows: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    return ([text.visible(cell) for cell in row] for row in rows)
