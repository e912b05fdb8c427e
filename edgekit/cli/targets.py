"""``edgekit targets``: what a file can be made for."""

from __future__ import annotations

import textwrap

import click

from edgekit import catalog
from edgekit.cli.complete import target_names
from edgekit.cli.options import WIDTH, json_option, print_columns, print_json
from edgekit.explain import explain
from edgekit.extras import NEEDS
from edgekit.target import Target


@click.group("targets", invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List what a file can be made for.

    `edgekit targets show NAME` explains one in words. Every NAME works as --target, and so does the
    path of a TOML file of your own.
    """
    if ctx.invoked_subcommand is not None:
        return
    targets = [Target.load(name) for name in catalog.names("targets")]
    if as_json:
        print_json({"schema": 1, "targets": targets})
        return
    heading = ("target", "weights", "activations", "io", "calibration", "extra")
    print_columns([heading, *(_row(target) for target in targets)])


@command.command("show")
@click.argument("name", shell_complete=target_names)
@json_option
def show(name: str, as_json: bool) -> None:
    """Explain one target in words.

    NAME is one that `edgekit targets` lists, or the path of a TOML file of your own.
    """
    target = Target.load(name)
    if as_json:
        print_json({"schema": 1, "target": target})
        return
    click.echo(target.name)
    for heading, sentences in explain(target).items():
        click.echo(f"\n{heading}")
        for sentence in sentences:
            click.echo(
                textwrap.fill(sentence, WIDTH, initial_indent="  - ", subsequent_indent="    ")
            )


def _row(target: Target) -> tuple[str, ...]:
    q = target.quantization
    data = "needed" if q.needs_calibration else "-"
    return (target.name, q.weights, q.activations, q.io, data, NEEDS[target.format].extra or "-")
