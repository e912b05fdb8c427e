"""What a shell completes: names that catalogues hold, and files. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

from edgekit import catalog

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
_FILES = CompletionItem("", type="file")


def _of(names: Callable[[], Iterable[str]], *, files: bool = False) -> Completer:
    """Return what completes names; where none fits and ``files`` may stand, the shell's files."""

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        fitting = [CompletionItem(name) for name in names() if name.startswith(incomplete)]
        return fitting or ([_FILES] if files else [])

    return complete


def _passes() -> list[str]:
    from edgekit.errors import OptionError
    from edgekit.passes import PASSES

    try:
        return PASSES.names()
    except OptionError:  # two plugins of one name: told by the command itself
        return list(PASSES.shipped)


def _documents() -> Iterable[str]:
    from edgekit.cli.schema import documents

    return documents()


target_names = _of(lambda: catalog.names("targets"), files=True)
recipe_names = _of(lambda: catalog.names("recipes"), files=True)
device_names = _of(lambda: catalog.names("devicefarm"), files=True)
pass_names = _of(_passes)
pass_settings = _of(lambda: [f"{name}." for name in _passes()])
document_names = _of(_documents)
metric_names = _of(lambda: ("top1", "top5", "auc", "mse", "mae"))
data_names = _of(lambda: (), files=True)
"""Data may be a profile or module:function, too, which no shell can know."""
