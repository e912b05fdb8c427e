"""``edgekit cache``: the results of earlier runs."""

from __future__ import annotations

import math

import click

from edgekit.cache import Cache, Entry, open_cache
from edgekit.cli.options import json_option, print_columns, print_json

DAY_S = 86_400.0


@click.group("cache", invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show what is kept of earlier runs; `edgekit cache prune` drops some or all of it.

    The environment variable EDGEKIT_CACHE says in which folder it is kept, EDGEKIT_CACHE_LIMIT_GIB
    how large it may grow (5 GiB).
    """
    if ctx.invoked_subcommand is not None:
        return
    with open_cache() as cache:
        stages = _by_stage(cache.entries())
        if as_json:
            print_json(_document(cache, stages))
            return
        click.echo(f"{cache.root}{f' ({cache.note})' if cache.note else ''}")
        rows = [(stage, str(n), _mib(size)) for stage, (n, size) in stages.items()]
        total = (sum(n for n, _ in stages.values()), sum(size for _, size in stages.values()))
        limit = _mib(cache.limit_bytes) if cache.limit_bytes is not None else "none"
        print_columns(
            [("stage", "entries", "size"), *rows, ("total", str(total[0]), _mib(total[1]))]
        )
        click.echo(f"limit: {limit}")


@command.command("prune")
@click.option("--all", "everything", is_flag=True, help="Drop all that no running command needs.")
@click.option(
    "--older-than", "days", type=click.FloatRange(min=0), metavar="DAYS",
    help="Drop what has not been used for DAYS days.",
)  # fmt: skip
@json_option
def prune(everything: bool, days: float | None, as_json: bool) -> None:
    """Drop kept results.

    Without options: the least recently used ones, until the limit is kept. Later runs make again
    what they miss.
    """
    if everything and days is not None:
        raise click.UsageError("--all and --older-than exclude each other: give one")
    if days is not None and not math.isfinite(days):
        raise click.UsageError("--older-than: expected a finite number of days")
    age = 0.0 if everything else days * DAY_S if days is not None else None
    with open_cache() as cache:
        dropped = cache.prune(older_than_s=age)
    size = sum(entry.size_bytes for entry in dropped)
    if as_json:
        print_json({"schema": 1, "dropped": dropped, "size_bytes": size})
    else:
        click.echo(f"dropped {len(dropped)} entries, {_mib(size)}")


def _by_stage(entries: list[Entry]) -> dict[str, tuple[int, int]]:
    stages: dict[str, tuple[int, int]] = {}
    for entry in sorted(entries, key=lambda entry: entry.stage):
        count, size = stages.get(entry.stage, (0, 0))
        stages[entry.stage] = (count + 1, size + entry.size_bytes)
    return stages


def _document(cache: Cache, stages: dict[str, tuple[int, int]]) -> dict[str, object]:
    rows = [{"stage": k, "entries": n, "size_bytes": size} for k, (n, size) in stages.items()]
    return {
        "schema": 1,
        "root": cache.root,
        "limit_bytes": cache.limit_bytes,
        "note": cache.note,
        "stages": rows,
    }


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
