"""``edgekit compare``: what changed from one model to another."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.options import json_option, print_plain, require_place, show


@click.command("compare")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B…", nargs=-1, required=True)
@click.option("--run-to-run", type=click.FloatRange(0, 1), metavar="SHARE",
              help="How far latencies of one file lie apart from run to run on this host: a "
              "standard deviation, 0.01 is 1 %.  [default: 0.05, or 0.03 for several rounds; files "
              "that took turns do not need it]")  # fmt: skip
@click.option("--html", "page", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write a page to look at, too: what changed, every latency sample, and why "
              "something cannot be told.")  # fmt: skip
@json_option
def command(
    before: str, after: tuple[str, ...], run_to_run: float | None, page: Path | None, as_json: bool
) -> None:
    """Say what changed from A to each B: accuracy, latency, size, memory, operators, environment.

    A and B are report.json files, documents of `bench` or `farm`, manifests, folders with one of
    these, or .tflite, .xml and .onnx files. FILE.json#PATTERN chooses files of a document of
    `bench`, as in timing.json#new/*. A may also be history:DB, or history:DB?branch=main: the
    latest run that passed of what is in B.

    What noise could explain is told as "cannot tell", with the reason. To tell latencies that are a
    few per cent apart, measure both files in one run: `edgekit bench A B --rounds 20 -o FILE`.
    """
    from edgekit.comparing.run import compare_pairs, read_pairs

    require_place(page)
    pairs = read_pairs(before, after)
    found = compare_pairs(pairs, run_to_run)
    if page is not None:
        from edgekit.comparing.html import render
        from edgekit.files import write_atomically

        write_atomically(page, render(found, pairs).encode())
    if as_json:
        print_plain(found)
        return

    from edgekit.comparing.summary import summary

    show(summary(found))
    if page is not None:
        click.echo(f"wrote {page}")
