"""``edgekit gate``: a report held against a policy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.options import json_option, print_plain, require_place, show
from edgekit.errors import OptionError

if TYPE_CHECKING:
    from edgekit.gating import GateResult

POLICY = Path("edgekit-gate.toml")
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("gate")
@click.argument("reports", metavar="REPORT…", nargs=-1)
@click.option("--policy", type=_FILE, default=POLICY, show_default=True, metavar="FILE",
              help="The limits.")  # fmt: skip
@click.option("--baseline", metavar="REPORT",
              help="What regressions are measured against: a report, or history:DB for the latest "
              "passing runs of a history, history:DB?branch=main for those of a Git "
              "branch.")  # fmt: skip
@click.option("--init", is_flag=True, help="Write a commented policy to start from, and stop.")
@click.option("--junit", type=_FILE, metavar="FILE", help="Write JUnit XML.")
@click.option("--markdown", type=_FILE, metavar="FILE", help="Write a pull request's comment.")
@click.option("--gitlab", type=_FILE, metavar="FILE", help="Write GitLab's code-quality JSON.")
@click.option("--github", is_flag=True, help="Print annotations; write the step's summary.")
@json_option
def command(
    reports: tuple[str, ...], policy: Path, baseline: str | None, init: bool,
    github: bool, as_json: bool, **files: Path | None,
) -> None:  # fmt: skip
    """Hold REPORTs against a policy: exit code 0 passed, 3 failed, 4 cannot tell.

    REPORT and --baseline are what `edgekit compare` takes: report.json of `convert`, documents of
    `bench` or `farm`, folders with them, artifacts; --baseline also a history. Rules look at
    accuracy, latency, size, memory, work and audit, each with a limit, or with how much worse than
    the baseline it may be.
    """
    if init:
        _init(policy)
        return
    if not reports:
        raise click.UsageError("expected a REPORT, or --init")
    if github and as_json:
        raise click.UsageError("--json prints nothing else on stdout; leave out --github")
    from edgekit.gating import gate

    require_place(*files.values())
    found = gate(reports if len(reports) > 1 else reports[0], policy, baseline=baseline)
    _write(found, files)
    if as_json:
        print_plain(found)
    elif github:
        _tell_github(found)
    else:
        _print(found)
    click.get_current_context().exit(found.exit_code)


def _init(policy: Path) -> None:
    from edgekit.files import write_atomically
    from edgekit.gating.template import TEMPLATE

    if policy.exists():
        raise OptionError(f"{policy}: is there already; choose another name with --policy")
    write_atomically(policy, TEMPLATE.encode())
    click.echo(f"wrote {policy}")


def _write(found: GateResult, files: dict[str, Path | None]) -> None:
    from edgekit.files import write_atomically
    from edgekit.gating.gitlab import gitlab
    from edgekit.gating.junit import junit
    from edgekit.gating.markdown import markdown

    writers = {
        "junit": junit,
        "markdown": lambda one: markdown(one).encode("utf-8", "backslashreplace"),
        "gitlab": gitlab,
    }
    for name, path in files.items():
        if path is not None:
            write_atomically(path, writers[name](found))


def _print(found: GateResult) -> None:
    from edgekit.gating.summary import summary

    show(summary(found))


def _tell_github(found: GateResult) -> None:
    """Print the table where GitHub takes no line for a command, then the commands."""
    import secrets

    from edgekit.gating.github import workflow_commands, write_summary

    token = secrets.token_hex(16)
    click.echo(f"::stop-commands::{token}")
    _print(found)
    click.echo(f"::{token}::")
    for line in workflow_commands(found):
        click.echo(line)
    write_summary(found)
