"""``edgekit bench``: what files cost on devices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli.complete import data_names, device_names
from edgekit.cli.options import (
    json_option,
    metric_option,
    print_columns,
    print_plain,
    require_place,
    say,
    show,
)
from edgekit.cli.recording import Recorder, recording_options
from edgekit.errors import EdgekitError
from edgekit.report.text import visible

if TYPE_CHECKING:
    from edgekit.report.devices import Benchmark


class BudgetType(click.ParamType):  # type: ignore[type-arg]
    """``name=number``."""

    name = "name=number"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, float]:
        """Return the name and the number."""
        name, _, number = str(value).partition("=")
        try:
            limit = float(number)
        except ValueError:
            limit = -1.0
        if not name or not limit >= 0:
            self.fail(f"{value!r}: expected NAME=NUMBER, such as latency_ms=25", param, ctx)
        return name.strip(), limit


@click.command("bench")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("-d", "--device", "devices", multiple=True, metavar="NAME",
              shell_complete=device_names,
              help="Where: a name that `edgekit devices` lists, or a TOML file. Repeatable.  "
              "[default: host]")  # fmt: skip
@click.option("--device-pool", "pools", multiple=True, metavar="LABELS",
              help="One device, whichever is free, that bears these labels, such as arm64 or "
              "arm64+linux. Repeatable.")  # fmt: skip
@click.option("--inventory", multiple=True, type=click.Path(path_type=Path), metavar="PATH",
              help="Devices of your own for --device and --device-pool: a TOML file, or a folder "
              "of them. Repeatable.")  # fmt: skip
@click.option("--budget", "budgets", multiple=True, type=BudgetType(),
              help="Most of a figure: latency_ms, size_kib, arena_kib, ram_kib, flash_kib, "
              "peak_memory_mib, instructions or cycles. Beyond it the exit code is 3. "
              "Repeatable.")  # fmt: skip
@click.option("--data", metavar="DATA", shell_complete=data_names,
              help="Samples to compare the device's outputs with this host's on; in the forms of "
              "`edgekit evaluate`.  [default: random]")  # fmt: skip
@click.option("--evaluate", metavar="DATA", shell_complete=data_names,
              help="Labelled samples to score each file on, on each device that can and here; in "
              "the forms of `edgekit evaluate`.")  # fmt: skip
@metric_option
@click.option("--evaluate-samples", type=click.IntRange(min=1), metavar="N",
              help="How many of them.  [default: 200 on emulated devices and microcontrollers, all "
              "on others]")  # fmt: skip
@click.option("--output-name", "scored", metavar="NAME",
              help="Which of several outputs the metric scores.")  # fmt: skip
@click.option("--threads", type=click.IntRange(min=1), metavar="N",
              help="That one inference may use.  [default: 1; for modelled latencies what their "
              "model was fitted on]")  # fmt: skip
@click.option("--warmup", type=click.IntRange(min=0), default=10, show_default=True, metavar="N",
              help="Inferences before, kept apart, on hardware.")  # fmt: skip
@click.option("--min-runs", type=click.IntRange(min=1), default=50, show_default=True,
              help="Least number of inferences, on hardware.")  # fmt: skip
@click.option("--min-seconds", type=click.FloatRange(min=0), default=1.0, show_default=True,
              help="Least time in all, on hardware.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(min=1, max=200), default=1, show_default=True,
              help="Fresh processes of each file that latencies on this host are spread over; the "
              "files take turns. More than one is what `edgekit compare` needs to tell small "
              "differences.")  # fmt: skip
@click.option("--operators", "each", is_flag=True, help="Print the costliest operators, too.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the whole report there, as JSON.")  # fmt: skip
@recording_options
@click.option("-q", "--quiet", "silent", is_flag=True, help="No progress bars.")
@json_option
def command(
    files: tuple[Path, ...], devices: tuple[str, ...], budgets: tuple[tuple[str, float], ...],
    output: Path | None, scored: str | None, each: bool, history: str | None,
    mlflow: str | None, silent: bool, as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Say what each of FILES costs on each device, and how each figure was come by.

    Figures are measured (timed on hardware), counted (exact, the same in every run), modelled (from
    counts), estimated (by a vendor's compiler) or computed (from the file). `edgekit devices` lists
    the devices. With --evaluate: also what it scores there, beside what it scores on this host.
    """
    from edgekit.benchmarking import benchmark
    from edgekit.files import all_scratch
    from edgekit.quiet import quiet
    from edgekit.report.terminal.progress import progress

    require_place(output)
    recorder = Recorder(history, mlflow)
    failure: EdgekitError | None = None
    with all_scratch(), quiet() as real, progress(None if as_json or silent else real.err) as told:
        try:
            found = benchmark(
                files,
                devices or None,
                budget=dict(budgets),
                output=scored,
                progress=told,
                **given,
            )
        except EdgekitError as error:
            if error.benchmark is None:
                raise
            found, failure = error.benchmark, error
    if as_json:
        print_plain(found)
    else:
        _print(found, each)
    if output is not None:
        _write(found, output)
    recorder.finish([found], missed=failure, silent=as_json)


def _write(found: Benchmark, output: Path) -> None:
    from edgekit.files import write_atomically
    from edgekit.report.documents import written

    write_atomically(output, written(found))


def _print(found: Benchmark, each: bool) -> None:
    from edgekit.report.device_words import operator_rows, titles
    from edgekit.report.terminal.devices import summary

    show(*titles(found.measurements), "", summary(found))
    if not each:
        return
    for one in found.measurements:
        if one.operators:
            say(f"\n{visible(one.device)}: {visible(one.file)}")
            heading = ("", "operator", "layer", "where", "cost")
            print_columns([heading, *operator_rows(one)])
