"""``edgekit history``: the runs that were kept."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgekit.cli.options import inherited, json_option, print_json, say
from edgekit.cli.options import show as draw

if TYPE_CHECKING:
    from edgekit.history import Selection
    from edgekit.history.store import History

F = TypeVar("F", bound=Callable[..., object])
SCHEMA = 1
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class SinceType(click.ParamType):  # type: ignore[type-arg]
    """A day, a time, or how long ago."""

    name = "when"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        """Return a time with its zone; one without is of this machine's."""
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        try:
            if text[-1:] in _UNITS and text[:-1].isdecimal():
                return datetime.now(UTC) - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r}: expected such as 2026-11-30, 12h, 7d or 4w", param, ctx)


def selecting(command: F) -> F:
    """Add the options that choose runs."""
    from edgekit.history.run import VERDICTS

    declared: list[tuple[str, dict[str, Any]]] = [
        ("--model", {"metavar": "NAME", "help": "Only of this model."}),
        ("--target", {"metavar": "NAME", "help": "Only for this target."}),
        ("--device", {"metavar": "NAME", "help": "Only on this device."}),
        ("--kind", {"type": click.Choice(["conversion", "benchmark"]), "help": "Only these."}),
        ("--verdict", {"type": click.Choice(VERDICTS), "help": "Only these."}),
        ("--branch", {"metavar": "NAME", "help": "Only of this Git branch."}),
        ("--commit", {"metavar": "SHA", "help": "Only of this Git commit, or what begins so."}),
        ("--since", {"type": SinceType(), "metavar": "WHEN",
                     "help": "Only later ones: a day, a time, or such as 12h, 7d, 4w."}),
    ]  # fmt: skip
    for name, words in reversed(declared):
        command = click.option(name, callback=inherited, **words)(command)
    return command


def database(command: F) -> F:
    """Add ``--history``, given to the function as ``place``."""
    return click.option(
        "--history", "place", metavar="DB", envvar="EDGEKIT_HISTORY", show_envvar=True,
        callback=inherited, help="Where they are kept: an SQLite file, or an SQLAlchemy URL.",
    )(command)  # fmt: skip


@click.group("history", invoke_without_command=True)
@database
@selecting
@click.option("--limit", type=click.IntRange(min=1), default=30, show_default=True, metavar="N",
              help="Most runs to list, the newest.")  # fmt: skip
@json_option
@click.pass_context
def command(
    context: click.Context, /, place: str | None, limit: int, as_json: bool, **chosen: Any
) -> None:
    """List the runs that `--history` of `edgekit convert`, `bench` and `farm` kept.

    What is given here holds for the commands below, too.
    """
    if context.invoked_subcommand is not None:
        return
    with opened(place) as history:
        runs = history.runs(selection_of(chosen), limit=limit)
        where = history.place
    if as_json:
        print_json({"schema": SCHEMA, "runs": runs})
        return
    from edgekit.history.listing import listing

    if not runs:
        say(f"no such run in {where}")
    else:
        draw(listing(runs))


@command.command("show")
@click.argument("number", type=int, metavar="ID")
@database
@json_option
def show(number: int, place: str | None, as_json: bool) -> None:
    """Say what is known of run ID, and what its report or benchmark says."""
    with opened(place) as history:
        run = history.run(number)
        content = history.document(number)
    if as_json:
        print_json({"schema": SCHEMA, "run": run})
        return
    from edgekit.history.listing import summary
    from edgekit.history.reasons import reasons

    draw(summary(run, reasons(content)))


@command.command("trend")
@click.option("--metric", default="latency_ms", show_default=True, metavar="NAME",
              help="latency_ms, size_kib, model_memory_mib, peak_memory_mib, ram_kib, arena_kib, "
              "score, accuracy_drop_pp, parity_sqnr_db, instructions or cycles.")  # fmt: skip
@database
@selecting
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, metavar="N",
              help="Most runs of each model, target and device.")  # fmt: skip
@json_option
def trend(metric: str, place: str | None, limit: int, as_json: bool, **chosen: Any) -> None:
    """Plot a figure over time, for each model, target and device."""
    with opened(place) as history:
        found = history.trends(metric, selection_of(chosen), limit=limit)
        where = history.place
    if as_json:
        series = [{"series": name, "points": points} for name, points in found.items()]
        print_json({"schema": SCHEMA, "metric": metric, "trends": series})
        return
    from edgekit.history.plot import plots

    say("\n\n".join(plots(metric, found)) or f"no run with {metric} in {where}")


@command.command("export")
@click.argument("number", type=int, metavar="ID")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write it there.  [default: stdout]")  # fmt: skip
@database
def export(number: int, output: Path | None, place: str | None) -> None:
    """Give the document of run ID back: its report.json, or what `edgekit bench -o` wrote."""
    from edgekit.files import write_atomically

    with opened(place) as history:
        content = history.document(number)
    if output is None:
        click.echo(content, nl=False)
    else:
        write_atomically(output, content)
        say(f"wrote {output}")


@command.command("add")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--here", is_flag=True,
              help="They were made on this machine, from the Git commit that is checked out: keep "
              "that, too.")  # fmt: skip
@database
@json_option
def add(files: tuple[Path, ...], here: bool, place: str | None, as_json: bool) -> None:
    """Keep FILES: report.json, benchmarks, or what `edgekit convert --json` printed.

    Documents that are there already are left out. The time of a run is that of its file.
    """
    from edgekit.history import open_history, origin_here
    from edgekit.report.documents import read_file

    documents = [(path, one) for path in files for one in read_file(path)]
    origin, added = origin_here() if here else None, list[dict[str, Any]]()
    with open_history(_place(place), writes=True) as history:
        for path, document in documents:
            time = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            numbers = history.record(document, origin, time=time, again=False)
            added.append({"file": str(path), "runs": numbers})
            if not as_json:  # at once: what follows may fail
                kept = f"run {', '.join(map(str, numbers))}" if numbers else "there already"
                say(f"{path}: {kept}")
    if as_json:
        print_json({"schema": SCHEMA, "added": added})


@command.command("serve")
@database
@click.option("--bind", default="127.0.0.1", show_default=True, metavar="ADDRESS",
              help="To listen on; others than this machine's loopback let other machines "
              "read.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=8642, show_default=True,
              metavar="N", help="0 takes one that is free.")  # fmt: skip
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME",
              help="A name by which browsers may ask for the page, besides localhost and ADDRESS. "
              "Repeatable.")  # fmt: skip
def serve(place: str | None, bind: str, port: int, hosts: tuple[str, ...]) -> None:
    """Show the runs as a web page, until Ctrl-C. Nothing can be changed there."""
    from edgekit.history.web import serving

    with opened(place) as history, serving(history, bind, port, hosts) as server:
        say(f"{history.place}: {server.address} (Ctrl-C ends it)")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def opened(place: str | None) -> History:
    """Open the history that is asked for, to read."""
    from edgekit.history import open_history

    return open_history(_place(place))


def selection_of(chosen: dict[str, Any]) -> Selection:
    """Return what the options of ``selecting`` say."""
    from edgekit.history import Selection

    return Selection(**chosen)


def _place(place: str | None) -> str:
    if place is None:
        raise click.UsageError("Missing option '--history' (or set EDGEKIT_HISTORY).")
    return place
