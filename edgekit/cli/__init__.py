"""The command line: a group that loads each command only when it is called."""

from __future__ import annotations

import difflib
import errno
import importlib
from typing import Any

import click
from click.shell_completion import CompletionItem

from edgekit.errors import EdgekitError
from edgekit.report.text import printable
from edgekit.startup import leave_if_ours
from edgekit.version import VERSION

# name -> (where its click command is, what it does)
COMMANDS: dict[str, tuple[str, str]] = {
    "convert": ("edgekit.cli.convert:command", "Turn a Keras model into checked files."),
    "compress": ("edgekit.cli.compress:command", "Run the passes of a recipe on a Keras model."),
    "evaluate": ("edgekit.cli.evaluate:command", "Compare a file with its source model on data."),
    "inspect": ("edgekit.cli.inspect:command", "Show the graph of a model file."),
    "audit": ("edgekit.cli.audit:command", "Say what a model file holds, from its own bytes."),
    "bench": ("edgekit.cli.bench:command", "Say what files cost on devices."),
    "report": ("edgekit.cli.report:command", "Make an HTML page of reports and devices."),
    "compare": ("edgekit.cli.compare:command", "Say what changed from one model to another."),
    "gate": ("edgekit.cli.gate:command", "Hold a report against a policy; exit 3 if it fails."),
    "verify": ("edgekit.cli.verify:command", "Check files against the manifest beside them."),
    "targets": ("edgekit.cli.targets:command", "List and explain what a file can be made for."),
    "devices": ("edgekit.cli.devices:command", "List, explain and install devices."),
    "history": ("edgekit.cli.history:command", "List, plot and serve the runs that were kept."),
    "farm": ("edgekit.cli.farm:command", "Run many files on many devices."),
    "recipes": ("edgekit.cli.recipes:command", "List and print what a model can go through."),
    "passes": ("edgekit.cli.passes:command", "List and explain the passes of recipes."),
    "cache": ("edgekit.cli.cache:command", "Show and prune the results of earlier runs."),
    "doctor": ("edgekit.cli.doctor:command", "Tell what is installed and what is missing."),
    "completion": ("edgekit.cli.completion:command", "Print a script for your shell's Tab key."),
    "schema": ("edgekit.cli.schema:command", "Print the JSON Schema of a document."),
}
INTERRUPTED = 130


class LazyGroup(click.Group):
    """Knows its commands by name and one line; imports the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete commands from the table, without importing them, and the group's options."""
        named = [
            CompletionItem(name, help=text)
            for name, (_, text) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return named + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name, or suggest the nearest one."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}? " if near else ""
            ctx.fail(f"no command {name!r}; {hint}commands: {', '.join(COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run; end in one line and the documented exit code when it cannot be done.

        Bugs keep their traceback.
        """
        try:
            return super().invoke(ctx)
        except EdgekitError as error:
            fail(str(error))
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            fail("Interrupted", label="")
            leave_if_ours(INTERRUPTED)
            ctx.exit(INTERRUPTED)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            fail(f"{error.filename or 'standard output'}: no room left on the disk; free some")
            ctx.exit(EdgekitError.exit_code)


def fail(text: str, *, label: str = "Error: ") -> None:
    """Write one line on stderr; what a terminal would obey in a hostile name is made visible."""
    click.echo(label + printable(" ".join(text.split())), err=True)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 error, 2 usage, 3 a promise, budget or gate was "
    "missed, 4 a gate cannot tell, 130 Ctrl-C.",
)
@click.version_option(VERSION, "-V", "--version", message="edgekit %(version)s")
def main() -> None:
    """Takes trained Keras models to edge devices, and proves what it cost."""
