"""``edgekit passes``: the steps that recipes are made of."""

from __future__ import annotations

import json
import textwrap

import click

from edgekit.cli.complete import pass_names
from edgekit.cli.options import WIDTH, json_option, print_columns, print_json, wrapped


@click.group("passes", invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the passes that recipes are made of.

    `edgekit passes show NAME` explains one, with every option. `edgekit recipes` lists recipes.
    """
    from edgekit.passes import PASSES
    from edgekit.passes.describe import describe

    if ctx.invoked_subcommand is not None:
        return
    found = [describe(name) for name in PASSES.names()]
    if as_json:
        print_json({"schema": 1, "passes": found})
        return
    rows = [
        (each.name, ", ".join(n for n in each.needs if n != "graph") or "-", each.summary)
        for each in found
    ]
    print_columns(wrapped([("pass", "needs", "what it does"), *rows], WIDTH))


@command.command("show")
@click.argument("name", shell_complete=pass_names)
@json_option
def show(name: str, as_json: bool) -> None:
    """Explain one pass, with every option.

    Options are given in recipes, or with --set PASS.OPTION=VALUE.
    """
    from edgekit.passes.describe import describe

    found = describe(name)
    if as_json:
        print_json({"schema": 1, "pass": found})
        return
    click.echo(f"{found.name}\n")
    for paragraph in found.text.split("\n\n"):
        click.echo(textwrap.fill(" ".join(paragraph.split()), WIDTH) + "\n")
    click.echo(f"needs: {', '.join(found.needs)}")
    for option in found.options:
        default = "none" if option.default is None else json.dumps(option.default)
        click.echo(f"\n{option.name}  ({option.type}; default: {default})")
        if option.text:
            click.echo(textwrap.indent(textwrap.fill(option.text, WIDTH - 4), "    "))
