"""``edgekit compare``: what changed from one model to another."""

from __future__ import annotations

import click

from edgekit.cli.options import json_option, print_plain

WIDTH = 80


@click.command("compare")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B…", nargs=-1, required=True)
@click.option("--run-to-run", type=click.FloatRange(0, 1), metavar="SHARE",
              help="How far latencies of one file lie apart from run to run on this host: a "
              "standard deviation, 0.01 is 1 %.  [default: 0.05, or 0.03 for several rounds; files "
              "that took turns do not need it]")  # fmt: skip
@json_option
def command(before: str, after: tuple[str, ...], run_to_run: float | None, as_json: bool) -> None:
    """Say what changed from A to each B: accuracy, latency, size, memory, operators, environment.

    A and B are report.json files, documents of `bench` or `farm`, manifests, folders with one of
    these, or .tflite, .xml and .onnx files. FILE.json#PATTERN chooses files of a document of
    `bench`, as in timing.json#new/*. A may also be history:DB, or history:DB?branch=main: the
    latest run that passed of what is in B.

    What noise could explain is told as "cannot tell", with the reason. To tell latencies that are a
    few per cent apart, measure both files in one run: `edgekit bench A B --rounds 20 -o FILE`.
    """
    from edgekit.comparing import compare

    found = compare(before, *after, run_to_run=run_to_run)
    if as_json:
        print_plain(found)
        return
    from rich.console import Console

    from edgekit.comparing.summary import summary

    Console(width=WIDTH, highlight=False).print(summary(found))
