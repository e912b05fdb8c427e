"""Puts the page of a comparison together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from edgekit.comparing.html.section import Section, section
from edgekit.comparing.match import match
from edgekit.comparing.result import Compared, ComparisonResult
from edgekit.comparing.run import check_share, compare_pairs, read_pairs
from edgekit.comparing.subject import Subject
from edgekit.errors import OptionError
from edgekit.report import text
from edgekit.report.html.shell import environment, part, shell

MARK = "<!doctype html><!-- edgekit comparison -->"
Pair = tuple[Subject, Subject]


def html_comparison(before: Any, *after: Any, run_to_run: float | None = None) -> str:
    """Return what ``edgekit.compare`` finds as one self-contained HTML page.

    It asks for nothing, runs one script of its own (its hash is in the page's policy), and is whole
    without that. Names from models and documents are shown, never obeyed.

    Args:
        before: As for ``edgekit.compare``.
        after: As for ``edgekit.compare``.
        run_to_run: As for ``edgekit.compare``.

    Raises:
        ArtifactError, OptionError, DestinationError, MissingExtra: as ``edgekit.compare``.
    """
    if not after:
        raise OptionError("expected two or more to compare, got one")
    check_share(run_to_run)
    pairs = read_pairs(before, after)
    return render(compare_pairs(pairs, run_to_run), pairs)


def render(found: ComparisonResult, pairs: Sequence[Pair]) -> str:
    """Return the page of what ``compare_pairs`` found of pairs; the same gives the same page."""
    names = [text.visible(one.name, most=80) for one in found.after]
    whole: str = (
        environment(__package__)
        .get_template("comparison.html")
        .render(
            **shell(
                title=f"{text.visible(found.before, most=80)} → {text.brief(names, most=3)}",
                what="comparison",
                lines=["What noise could explain is told as “cannot tell”, never as a change."],
                style=part(__package__, "comparison.css"),
            ),
            several=len(found.after) > 1,
            sections=[
                one
                for each, pair in zip(found.after, pairs, strict=True)
                for one in _sections(each, pair)
            ],
            unmatched=[line for one in found.after for line in one.unmatched],
        )
    )
    return MARK + whole


def _sections(found: Compared, pair: Pair) -> Iterator[Section]:
    for records in match(*pair).pairs:
        key = records[1].key
        yield section(
            (pair[0].name, found.name),
            records,
            [one for one in found.differences if (one.model, one.target, one.device) == key],
            [one for one in found.changes if (one.model, one.target, one.device) == key],
        )
