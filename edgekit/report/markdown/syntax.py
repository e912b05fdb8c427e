"""Markdown that names from a stranger's model cannot break out of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from edgekit.report.text import printable, visible

_SPECIAL = re.compile(r"([\\`*{}\[\]<>|~&#!$@^])")
_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_LINK = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
_LONGEST_LINE = 4000
_OPENING = re.compile(r"^([-+=])|(?<=\d)([.)])(?=\s|$)")


def escape(text: str, *, most: int = 300) -> str:
    """Return a text that CommonMark, with GitHub's tables and links, shows as it is.

    On one line, at most ``most`` visible characters (``text.visible``), inside a cell or a line;
    ``opening`` is for the start of a line.
    """
    escaped = _SPECIAL.sub(r"\\\1", visible(text, most=most))
    escaped = _UNDERSCORE.sub(r"\\_", escaped)
    escaped = _LINK.sub(lambda found: f"\\{found.group()}", escaped)
    return escaped


def opening(text: str) -> str:
    """Return an escaped text, of at most 4,000 characters, that may open a line or a list item."""
    return _OPENING.sub(lambda found: f"\\{found.group()}", escape(text, most=_LONGEST_LINE))


def table(
    heading: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()
) -> list[str]:
    """Return the lines of a table. Cells are taken as plain text; ``numbers`` are right-aligned."""
    rule = ["---:" if at in numbers else "---" for at in range(len(heading))]
    lines = [[escape(cell) for cell in row] for row in (heading, *rows)]
    return [f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:])]


def bullets(texts: Iterable[str]) -> list[str]:
    """Return a list, one plain text an item."""
    return [f"- {opening(text)}" for text in texts]


def code(text: str) -> list[str]:
    """Return a fenced block; its fence is longer than any run of backticks within."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}sh", *printable(text, spare="\n").split("\n"), fence]
