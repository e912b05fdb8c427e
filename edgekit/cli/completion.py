"""``edgekit completion``: what a shell needs to complete edgekit's commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

PROGRAM = "edgekit"
VARIABLE = "_EDGEKIT_COMPLETE"
_SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
def command(shell: str) -> None:
    r"""Print a script by which SHELL completes commands, options, names and files.

    \b
    bash:  echo 'eval "$(edgekit completion bash)"' >> ~/.bashrc
    zsh:   echo 'eval "$(edgekit completion zsh)"' >> ~/.zshrc
    fish:  edgekit completion fish > ~/.config/fish/completions/edgekit.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this click completes for no {shell}")
    main = click.get_current_context().find_root().command
    click.echo(kind(main, {}, PROGRAM, VARIABLE).source())
