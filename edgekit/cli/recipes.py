"""``edgekit recipes``: which passes a model can go through, in which order."""

from __future__ import annotations

import click

from edgekit import catalog
from edgekit.cli.complete import recipe_names
from edgekit.cli.options import WIDTH, json_option, print_columns, print_json, wrapped
from edgekit.recipe import Recipe


@click.group("recipes", invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the recipes that come with edgekit.

    `edgekit recipes show NAME` prints one as TOML, to copy and to change. Every NAME works as
    --recipe, and so does the path of a TOML file of your own.
    """
    if ctx.invoked_subcommand is not None:
        return
    recipes = [Recipe.load(name) for name in catalog.names("recipes")]
    if as_json:
        print_json({"schema": 1, "recipes": recipes})
        return
    rows = [(recipe.name, recipe.description) for recipe in recipes]
    print_columns(wrapped([("recipe", "what it does"), *rows], WIDTH))


@command.command("show")
@click.argument("name", shell_complete=recipe_names)
@json_option
def show(name: str, as_json: bool) -> None:
    """Print the recipe NAME as TOML, with a line on each step.

    `edgekit recipes show qat > mine.toml` is how a recipe of your own begins.
    """
    recipe = Recipe.load(name)
    if as_json:
        print_json({"schema": 1, "recipe": recipe})
        return
    path = catalog.locate("recipes", name)
    click.echo(path.read_text(encoding="utf-8").rstrip("\n"))
