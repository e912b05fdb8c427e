"""``edgekit farm``: many files on many devices."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.options import (
    WIDTH,
    json_option,
    print_columns,
    print_json,
    print_plain,
    say,
    show,
    wrapped,
)
from edgekit.cli.recording import Recorder, history_option
from edgekit.errors import EdgekitError

if TYPE_CHECKING:
    from edgekit.devices.inventory import Inventory
    from edgekit.farming import FarmRun
    from edgekit.report.documents import Document

_MOST_ROWS = 40

inventory_option = click.option(
    "--inventory", "places", multiple=True, type=click.Path(path_type=Path), metavar="PATH",
    help="Devices of your own: a TOML file, or a folder of them. Repeatable.",
)  # fmt: skip


@click.group("farm")
def command() -> None:
    """Run many files on many devices, here or on a Ray cluster.

    Results are kept as they arrive; the same command again goes on where a killed one stopped.
    """


@command.command("submit")
@click.argument("plan", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("out/farm"),
              show_default=True, metavar="FOLDER", help="Where results are kept.")  # fmt: skip
@click.option("--address", metavar="ADDRESS",
              help="Of a Ray cluster whose nodes own the devices, such as ray://lab:10001 or "
              "10.0.0.5:6379.  [default: this machine]")  # fmt: skip
@click.option("--processes", type=click.IntRange(min=1), metavar="N",
              help="How many measure at once on this machine.  [default: one for each device, at "
              "most 32]")  # fmt: skip
@history_option
@click.option("-q", "--quiet", "silent", is_flag=True, help="No progress bars.")
@json_option
def submit(
    plan: Path, output: Path, address: str | None, processes: int | None, history: str | None,
    silent: bool, as_json: bool,
) -> None:  # fmt: skip
    """Measure the files and models of PLAN, a TOML file, on its devices.

    Exit code 3 if a figure is beyond the plan's budget, 1 if a job failed. docs/farm.md explains
    the file.
    """
    from edgekit.farm.pool import prepare
    from edgekit.farming import submit as run
    from edgekit.files import all_scratch
    from edgekit.quiet import quiet
    from edgekit.report.terminal.progress import progress

    recorder = Recorder(history)
    failure: EdgekitError | None = None
    with quiet() as real, progress(None if as_json or silent else real.err) as told:
        if address is None:
            prepare()  # before all_scratch: its own passing files outlast that
        try:
            with all_scratch():
                found = run(plan, out=output, address=address, processes=processes, progress=told)
        except EdgekitError as error:
            if error.farm is None:
                raise
            found, failure = error.farm, error
    if as_json:
        print_plain(found)
    else:
        _print(found, output)
    documents = _documents(found) if recorder.wanted else []
    recorder.finish(documents, missed=failure, silent=as_json, again=False)


def _documents(found: FarmRun) -> list[Document]:
    """Return what a farm wrote, to be kept; nothing if it measured nothing."""
    from edgekit.report.documents import read_file

    return read_file(found.document) if found.done or found.failed else []


@command.command("status")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("out/farm"))
@json_option
def status(folder: Path, as_json: bool) -> None:
    """Tell how far the farm of FOLDER is (default: out/farm), and what failed.

    It may be at work meanwhile.
    """
    from edgekit.farm.journal import Journal
    from edgekit.farming import JOURNAL
    from edgekit.report.text import visible

    with Journal.read(folder / JOURNAL) as journal:
        counts, working = journal.counts(), journal.is_written()
        most = None if as_json else _MOST_ROWS
        failed = list(itertools.islice(journal.results(state="failed"), most))
    if as_json:
        told = [{"device": f.device, "place": f.job.place, "file": f.job.file, "error": f.error,
                 "attempts": f.attempts} for f in failed]  # fmt: skip
        print_json({"schema": 1, "jobs": counts, "failures": told})
        return
    click.echo(", ".join(f"{number} {state}" for state, number in counts.items()))
    for one in failed:
        where = one.device or one.job.place
        click.echo(visible(f"failed: {where}: {Path(one.job.file).name}: {one.error}", most=400))
    if (more := counts["failed"] - len(failed)) > 0:
        click.echo(f"and {more} more: --json tells all")
    if counts["running"] and not working:
        click.echo("nobody is at work: the same command as before goes on")


@command.command("devices")
@inventory_option
@click.option("--device-pool", "pool", metavar="LABELS",
              help="Only those that bear these labels: arm64+linux.")  # fmt: skip
@json_option
def devices(places: tuple[Path, ...], pool: str | None, as_json: bool) -> None:
    """List devices with their labels, and whether they are ready, in use, or in quarantine."""
    from edgekit.devices.inventory import open_inventory
    from edgekit.devices.standing import standing

    inventory = open_inventory(places)
    chosen = inventory.pool(pool) if pool else list(inventory.devices.values())
    rows = [(device, standing(device)) for device in chosen]
    if as_json:
        told = [{"name": d.name, "kind": d.kind, "labels": d.labels, "state": s.state, "why": s.why}
                for d, s in rows]  # fmt: skip
        print_json({"schema": 1, "devices": told})
        return
    heading = ("device", "kind", "state", "labels")
    print_columns(wrapped([heading, *((d.name, d.kind, s.state, " ".join(d.labels))
                                      for d, s in rows)], WIDTH))  # fmt: skip
    for device, stands in rows:
        if stands.why:
            free = f"; `edgekit farm release {device.name}`" * (stands.state == "quarantine")
            line = f"{device.name}: {stands.why}{free}"
            say(textwrap.fill(line, WIDTH, subsequent_indent="    ", break_on_hyphens=False))


@command.command("release")
@click.argument("names", nargs=-1, required=True)
def release(names: tuple[str, ...]) -> None:
    """Give devices work again that were kept apart because they failed again and again."""
    from edgekit.devices.quarantine import release as let_go

    for name in names:
        say(f"{name}: {'released' if let_go(name) else 'was not in quarantine'}")


@command.command("resources")
@click.argument("names", nargs=-1, required=True)
@inventory_option
def resources(names: tuple[str, ...], places: tuple[Path, ...]) -> None:
    """Print what a node of a Ray cluster offers that owns the devices NAMES.

    On the node: ray start --address HEAD:6379 --resources "$(edgekit farm resources my-pi)"
    """
    from edgekit.farm.cluster import resources as offered

    known = _inventory(places)
    click.echo(offered(known.called(name) for name in names))


def _inventory(places: Iterable[Path]) -> Inventory:
    from edgekit.devices.inventory import open_inventory

    return open_inventory(places)


def _print(found: FarmRun, folder: Path) -> None:
    from edgekit.farm.journal import Journal
    from edgekit.farming import JOURNAL
    from edgekit.report.terminal.devices import summary

    if found.done + found.failed <= _MOST_ROWS:
        from edgekit.farm.results import of_file

        with Journal.read(folder / JOURNAL) as journal:
            for file in journal.files():
                show(summary(of_file(journal, file, {})))
    again = f", {found.again} of them earlier" if found.again else ""
    click.echo(f"{found.done} jobs done{again}, {found.failed} failed")
    for line in found.missed:
        show(f"fail: {line}")
    click.echo(str(found.document))
