"""``edgekit inspect``: the graph of a model file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.complete import device_names
from edgekit.cli.options import json_option, print_plain, require_place

if TYPE_CHECKING:
    from edgekit.inspection import Inspection

_FILE = click.Path(path_type=Path)


@click.command("inspect")
@click.argument("file", type=_FILE)
@click.option("--layer", "pattern", metavar="PATTERN",
              help="Only operators whose layer or kind fits: conv, block1/*.")  # fmt: skip
@click.option("--depth", type=click.IntRange(min=1), metavar="N",
              help="Show neighbours as one whose layers share N parts of their names.")  # fmt: skip
@click.option("--all", "every", is_flag=True,
              help="Also operators that only prepare constants, and more than 200.")  # fmt: skip
@click.option("--tensor", "names", multiple=True, metavar="NAME",
              help="Details of a tensor, of a constant also its numbers; may hold * and ?. "
              "Repeatable.")  # fmt: skip
@click.option("--benchmark", type=_FILE, metavar="FILE",
              help="Show what each operator costs: what `edgekit bench -o` wrote.")  # fmt: skip
@click.option("--measure", is_flag=True, help="Show what each operator costs, measured now.")
@click.option("-d", "--device", metavar="NAME", shell_complete=device_names,
              help="Of --benchmark: whose costs to show. With --measure: where.  "
              "[default: host]")  # fmt: skip
@click.option("--html", type=_FILE, metavar="FILE", help="Write the graph as a picture.")
@click.option("--model-explorer", "overlays", type=_FILE, metavar="FILE",
              help="Write node data for Google's Model Explorer: FILE with .precision, .macs and "
              ".cost before its suffix.")  # fmt: skip
@json_option
def command(
    file: Path, pattern: str | None, depth: int | None, every: bool, names: tuple[str, ...],
    benchmark: Path | None, measure: bool, device: str | None, html: Path | None,
    overlays: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Show the graph of a model FILE, from its own bytes; nothing in it is run.

    Operators in order of execution, with their branches: numbers that they compute in,
    multiply-accumulates, stored weights, shapes, scales. FILE is any .tflite, OpenVINO .xml or
    .onnx, also one that edgekit did not make.
    """
    from edgekit.files import all_scratch
    from edgekit.inspecting import inspect
    from edgekit.quiet import quiet

    require_place(html, overlays)
    with all_scratch(), quiet():
        graph = inspect(file, benchmark=benchmark, device=device, measure=measure)
    written = list(_written(graph, html, overlays, depth=depth, every=every))
    if as_json:
        print_plain(graph)
    elif names:
        _say(_tensors(graph, names))
    elif not written:
        from edgekit.report.graph.terminal import lines

        _say(lines(graph, pattern=pattern, depth=depth, every=every))
    for path in () if as_json else written:
        click.echo(f"wrote {path}")


def _written(
    graph: Inspection, html: Path | None, overlays: Path | None, *, depth: int | None, every: bool
) -> Iterable[Path]:
    from edgekit.files import write_atomically

    if html is not None:
        from edgekit.report.graph.page import page

        write_atomically(html, page(graph, depth=depth, every=every).encode())
        yield html
    if overlays is not None:
        from edgekit.report.graph.model_explorer import node_data

        for name, content in node_data(graph).items():
            path = overlays.with_name(f"{overlays.stem}.{name}{overlays.suffix or '.json'}")
            write_atomically(path, content)
            yield path


def _tensors(graph: Inspection, names: Iterable[str]) -> Iterable[str]:
    from edgekit.report.graph.tensors import described

    for name in names:
        yield from described(graph, name)


def _say(lines: Iterable[str]) -> None:
    """Print lines; in ASCII where the terminal has no other letters."""
    from edgekit.report.graph.lanes import plain_letters
    from edgekit.report.text import printable

    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    for line in lines:
        shown = printable(line)
        try:
            shown.encode(encoding)
        except UnicodeEncodeError:
            shown = plain_letters(shown).encode("ascii", "replace").decode()
        click.echo(shown)
