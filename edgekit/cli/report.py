"""``edgekit report``: an HTML page of reports and what devices said."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.options import require_place

EXAMPLES = """\b
Examples:
  edgekit report out/digits/tflite-int8/report.json -o report.html
  edgekit bench out/digits/tflite-int8/model.tflite -d raspberry-pi-4 -o bench.json
  edgekit report out/digits/* --benchmark bench.json -o report.html
"""


@click.command("report", epilog=EXAMPLES)
@click.argument("reports", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--benchmark", "benchmarks", multiple=True, type=click.Path(path_type=Path),
              metavar="FILE", help="What `edgekit bench -o` or a farm has written, for the "
              "artifacts that it is about. Repeatable.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("report.html"),
              metavar="FILE", show_default=True, help="Where the page goes.")  # fmt: skip
def command(reports: tuple[Path, ...], benchmarks: tuple[Path, ...], output: Path) -> None:
    """Make one HTML page of up to ten REPORTS: report.json files, or folders that hold one.

    The page holds everything, opens from disk, asks no network and is readable without scripts.
    """
    from edgekit.files import write_atomically
    from edgekit.reporting import html_report

    require_place(output)
    page = html_report([path for path in reports if _is_one(path)], benchmarks=benchmarks)
    write_atomically(output, page.encode())
    click.echo(f"wrote {output}")


def _is_one(path: Path) -> bool:
    """Leave out the page that `out/model/*` names, too."""
    return path.name != "report.html"
