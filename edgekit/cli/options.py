"""What several commands share: options, and how a document is printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])


def json_option(command: F) -> F:
    """Add ``--json``, given to the function as ``as_json``."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document on stdout, nothing else."
    )(command)


def print_json(document: object) -> None:
    """Print a dataclass or plain data as indented JSON; NaN and infinity become null."""
    import msgspec

    data = msgspec.json.encode(document, enc_hook=str, order="deterministic")
    click.echo(msgspec.json.format(data, indent=2))


def print_columns(rows: list[tuple[str, ...]]) -> None:
    """Print rows in aligned columns, two spaces apart; the first row is the heading."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())
