"""``edgekit doctor``: what is installed, what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgekit.cli.options import json_option, print_columns, print_json
from edgekit.errors import EdgekitError

if TYPE_CHECKING:
    from edgekit.doctor import Diagnosis


@click.command("doctor")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Tell what is installed, what is missing, and which targets are possible.

    Exit code 1 if the base install itself is broken.
    """
    found = _diagnose()
    if as_json:
        print_json({"schema": 1, "healthy": found.healthy, "diagnosis": found})
    else:
        _print(found)
    if not found.healthy:
        ctx.exit(1)


def _diagnose() -> Diagnosis:
    try:
        from edgekit.doctor import diagnose
    except ModuleNotFoundError as error:
        raise EdgekitError(
            f"the base install is broken, {error.name} is missing: pip install edgekit-ml"
        ) from error
    return diagnose()


def _print(found: Diagnosis) -> None:
    click.echo(f"edgekit {found.edgekit}, Python {found.python}, {found.platform}")
    features = " ".join(found.cpu.features) or "features unknown"
    click.echo(f"{found.cpu.model}, {found.cpu.cores} cores: {features}")
    if found.cpu.integer_dot is False:
        click.echo("No integer dot product (VNNI): int8 may be slower than float here.")
    click.echo()
    heading = ("package", "for", "installed", "wanted", "state")
    rows = [(p.name, p.needed_by, p.installed or "-", p.wanted, p.state) for p in found.packages]
    print_columns([heading, *rows])
    click.echo()
    can = sum(target.possible for target in found.targets)
    click.echo(f"{can} of {len(found.targets)} targets are possible here.")
    for target in found.targets:
        if not target.possible:
            click.echo(f"  {target.target} needs {target.missing_extra or 'the base install'}")
    for line in found.advice:
        click.echo(f"To mend: {line}")
