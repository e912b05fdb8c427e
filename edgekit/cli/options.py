"""What several commands share: options, and how a document is printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from edgekit.pipeline.command import FLAGS

F = TypeVar("F", bound=Callable[..., object])


def option(field: str, *short: str, **declared: Any) -> Callable[[F], F]:
    """Declare the flag of a field of ``Options``, given to the function by the field's name."""
    return click.option(*short, FLAGS[field], field, **declared)


metric_option = option(
    "metric", "-m", metavar="NAME",
    help="What to score: top1, top5, auc, mse, mae, or module:function.",
)  # fmt: skip
output_option = option("output", metavar="NAME", help="Which of several outputs the metric scores.")
layers_option = option("layers", is_flag=True, help="Report the error layer by layer, too.")


def code_options(command: F) -> F:
    """Add what the user allows to be imported or run: ``custom_objects``, ``allow_code``."""
    command = option(
        "allow_code", is_flag=True,
        help="Run code inside the model file (Lambda): only if you trust it.",
    )(command)  # fmt: skip
    return option(
        "custom_objects", multiple=True, metavar="MODULE:NAME",
        help="A custom layer or function that the model uses. Repeatable.",
    )(command)  # fmt: skip


def run_options(command: F) -> F:
    """Add ``--no-cache``, ``--quiet`` (given as ``silent``) and ``--json``."""
    command = click.option("-q", "--quiet", "silent", is_flag=True, help="No progress bars.")(
        json_option(command)
    )
    return click.option(
        "--no-cache", is_flag=True, help="Neither use nor keep results of earlier runs."
    )(command)


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
