"""What several commands share: options, and how a document is printed."""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from edgekit.cli.complete import data_names, metric_names, pass_settings, recipe_names
from edgekit.errors import DestinationError
from edgekit.pipeline.command import FLAGS
from edgekit.report.text import printable

F = TypeVar("F", bound=Callable[..., object])
WIDTH = 80
_MOST_NAMES = 1 << 20  # characters of a file of names


def option(field: str, *short: str, **declared: Any) -> Callable[[F], F]:
    """Declare the flag of a field of ``Options``, given to the function by the field's name."""
    return click.option(*short, FLAGS[field], field, **declared)


metric_option = option(
    "metric", "-m", metavar="NAME", shell_complete=metric_names,
    help="What to score: top1, top5, auc, mse, mae, or module:function.",
)  # fmt: skip
output_option = option("output", metavar="NAME", help="Which of several outputs the metric scores.")


class ShapeType(click.ParamType):  # type: ignore[type-arg]
    """``name=1,224,224,3``."""

    name = "name=shape"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, tuple[int, ...]]:
        """Return the name and the shape."""
        name, _, text = str(value).rpartition("=")
        try:
            shape = tuple(int(size) for size in text.split(","))
        except ValueError:
            shape = ()
        if not name or not shape or min(shape) < 1:
            self.fail(f"{value!r}: expected NAME=1,224,224,3", param, ctx)
        return name, shape


shapes_option = option(
    "input_shapes", type=ShapeType(), multiple=True,
    help="The whole shape of an input that has an unknown dimension, as in image=1,224,224,3. "
    "Repeatable.",
)  # fmt: skip
layers_option = option("layers", is_flag=True, help="Report the error layer by layer, too.")


class NamesType(click.ParamType):  # type: ignore[type-arg]
    """A text file with one name a line, or names with commas between."""

    name = "names"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """Return the names."""
        if isinstance(value, tuple):
            return value
        text = str(value)
        if "," in text and not Path(text).is_file():
            return tuple(name.strip() for name in text.split(","))
        try:
            with Path(text).open(encoding="utf-8-sig") as file:
                lines = file.read(_MOST_NAMES + 1)
        except (OSError, UnicodeDecodeError, ValueError) as error:
            self.fail(f"{text!r}: expected a text file with one name a line: {error}", param, ctx)
        if len(lines) > _MOST_NAMES:
            self.fail(f"{text!r}: expected names of classes, got a file beyond 1 MiB", param, ctx)
        return tuple(line.strip() for line in lines.rstrip().splitlines())


class SettingType(click.ParamType):  # type: ignore[type-arg]
    """``pass.option=value``, the value as TOML spells it; what TOML does not know is text."""

    name = "pass.option=value"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, Any]:
        """Return ``pass.option`` and the value."""
        name, equals, text = str(value).partition("=")
        if not equals or not all(name.strip().partition(".")):
            self.fail(f"{value!r}: expected PASS.OPTION=VALUE, such as qat.bits=4", param, ctx)
        try:
            return name.strip(), tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            return name.strip(), text


def recipe_options(command: F) -> F:
    """Add the recipe, training data, and how to train."""
    declared: list[tuple[str, dict[str, Any]]] = [
        ("recipe", {"metavar": "NAME", "shell_complete": recipe_names,
                    "help": "Passes that the model goes through first: a name that `edgekit "
                            "recipes` lists, or a TOML file of your own."}),
        ("train", {"metavar": "DATA", "shell_complete": data_names,
                   "help": "Labelled samples for passes that train; in the forms of --calibration,"
                           " or module:function for a tf.data, a generator or a PyDataset."}),
        ("settings", {"multiple": True, "type": SettingType(), "shell_complete": pass_settings,
                      "help": "Change an option of a pass, as in qat.bits=4. Repeatable."}),
        ("epochs", {"type": int, "metavar": "N", "help": "Of every training.  [default: 2]"}),
        ("batch_size", {"type": int, "metavar": "N",
                        "help": "Samples a training step.  [default: 32]"}),
        ("learning_rate", {"type": float, "metavar": "X",
                           "help": "Of the optimizer.  [default: 0.0001]"}),
        ("schedule", {"metavar": "NAME",
                      "help": "Of the learning rate: constant, or cosine, which ends with a "
                              "hundredth of it.  [default: constant]"}),
        ("optimizer", {"metavar": "NAME", "help": "One of Keras'.  [default: adam]"}),
        ("loss", {"metavar": "NAME",
                  "help": "One of Keras'.  [default: what the model was compiled with, else by "
                          "its outputs and the labels]"}),
        ("metrics", {"multiple": True, "metavar": "NAME",
                     "help": "A Keras metric to show while training. Repeatable."}),
        ("validation", {"type": float, "metavar": "SHARE",
                        "help": "Share of --train to hold back for choosing the best epoch.  "
                                "[default: 0.1]"}),
        ("patience", {"type": int, "metavar": "N",
                      "help": "Stop after N epochs without a better one.  [default: never]"}),
    ]  # fmt: skip
    for field, words in reversed(declared):
        command = option(field, **words)(command)
    return command


TRAINING = ("epochs", "batch_size", "learning_rate", "schedule", "optimizer", "loss", "metrics",
            "validation", "patience")  # fmt: skip


def recipe_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of ``Options`` that ``recipe_options`` set."""
    from edgekit.training.options import TrainingOptions

    chosen = {name: given[name] for name in TRAINING if given[name] not in (None, ())}
    return {
        "recipe": given["recipe"],
        "train": given["train"],
        "settings": dict(given["settings"]),
        "training": TrainingOptions(**chosen),
    }


def code_options(command: F) -> F:
    """Add what the user allows to be imported or run: ``custom_objects``, ``allow_code``."""
    command = option(
        "allow_code", is_flag=True,
        help="Run code inside the model file (Lambda): only if you trust it.",
    )(command)  # fmt: skip
    return option(
        "custom_objects", multiple=True, metavar="MODULE:NAME",
        help="A custom layer or function that the model uses. Repeatable.",
    )(command)  # fmt: skip


def run_options(command: F) -> F:
    """Add ``--no-cache``, ``--quiet`` (given as ``silent``) and ``--json``."""
    command = click.option("-q", "--quiet", "silent", is_flag=True, help="No progress bars.")(
        json_option(command)
    )
    return click.option(
        "--no-cache", is_flag=True, help="Neither use nor keep results of earlier runs."
    )(command)


def json_option(command: F) -> F:
    """Add ``--json``, given to the function as ``as_json``; a group's holds for its commands."""
    return click.option(
        "--json", "as_json", is_flag=True, callback=inherited,
        help="Print one JSON document on stdout, nothing else.",
    )(command)  # fmt: skip


def require_place(*files: Path | None) -> None:
    """Refuse files that could not be written, before anything runs; None stands for none.

    Raises:
        DestinationError: a folder stands there, or there is no folder for it.
    """
    for path in files:
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            raise DestinationError(f"{path}: expected a file in a folder that is there")


def show(*parts: Any) -> None:
    """Print what rich draws, within ``WIDTH`` columns; nothing in a text is coloured on its own."""
    from rich.console import Console

    console = Console(width=WIDTH, highlight=False)
    for part in parts:
        console.print(part, markup=False)


def inherited(ctx: click.Context, param: click.Parameter, given: Any) -> Any:
    """Return what was given to a command, or else to the group that it belongs to."""
    if given not in (None, False):
        return given
    above = ctx.parent.params if ctx.parent else {}
    return above.get(param.name or "", given)


def say(text: str) -> None:
    """Print a text of any origin; nothing in it is obeyed by a terminal, line ends apart."""
    click.echo(printable(text, spare="\n"))


def say_line(text: str) -> None:
    """Print a line of any origin: it stays one line."""
    click.echo(printable(text))


def print_json(document: object) -> None:
    """Print a dataclass or plain data as indented JSON; NaN and infinity become null."""
    import msgspec

    data = msgspec.json.encode(document, enc_hook=str, order="deterministic")
    click.echo(msgspec.json.format(data, indent=2))


def print_plain(document: Any) -> None:
    """Print one of our dataclasses as indented JSON that reads back: infinity is a word."""
    from edgekit.report.documents import written

    click.echo(written(document), nl=False)


def wrapped(rows: list[tuple[str, ...]], width: int) -> list[tuple[str, ...]]:
    """Return rows whose last cell goes on in rows below where it is too long for ``width``."""
    room = width - sum(max(len(row[i]) for row in rows) + 2 for i in range(len(rows[0]) - 1))
    found: list[tuple[str, ...]] = []
    for row in rows:
        first, *rest = textwrap.wrap(row[-1], room) or [""]
        found.append((*row[:-1], first))
        found += [(*("" for _ in row[:-1]), line) for line in rest]
    return found


def print_columns(rows: list[tuple[str, ...]]) -> None:
    """Print rows in aligned columns, two spaces apart; the first row is the heading.

    Cells may be of any origin: they stay on their lines, and a terminal obeys nothing in them.
    """
    rows = [tuple(printable(cell) for cell in row) for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())
