"""What a shell may complete: names that catalogues hold. Imports nothing heavy."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from edgekit import catalog


def _starting(names: list[str], incomplete: str) -> list[CompletionItem]:
    """Return names that begin so; a path is left to the shell, which knows files."""
    if "/" in incomplete or incomplete.startswith("."):
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def target_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete what a file can be made for."""
    return _starting(catalog.names("targets"), incomplete)


def recipe_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete recipes."""
    return _starting(catalog.names("recipes"), incomplete)


def device_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete devices."""
    return _starting(catalog.names("devicefarm"), incomplete)
