"""A gate's verdict for GitHub Actions: annotations on stdout, and the step's summary."""

from __future__ import annotations

import os
from pathlib import Path

from edgekit.errors import DestinationError
from edgekit.gating.markdown import markdown
from edgekit.gating.result import Check, GateResult
from edgekit.report.text import visible

_LEVELS = {"fail": "error", "undecided": "error", "warn": "warning"}
_MOST = 10  # of each level; GitHub shows no more a step


def workflow_commands(found: GateResult) -> list[str]:
    """Return workflow commands, at most ten of each level; their data are escaped."""
    lines: list[str] = []
    for level in ("error", "warning"):
        checks = [one for one in found.ranked if _LEVELS.get(one.verdict) == level]
        lines += [f"::{level} title={_property(_title(one))}::{_data(one.text)}"
                  for one in checks[:_MOST]]  # fmt: skip
    if found.verdict == "pass":
        lines.append(f"::notice title=edgekit gate::{_data(found.sentence)}")
    return lines


def write_summary(found: GateResult) -> None:
    """Append the verdict to the file that ``GITHUB_STEP_SUMMARY`` names; nothing without it.

    Raises:
        DestinationError: the file cannot be written.
    """
    name = os.environ.get("GITHUB_STEP_SUMMARY", "")
    if not name:
        return
    try:
        with Path(name).open("a", encoding="utf-8", newline="\n") as file:
            file.write(markdown(found))
    except OSError as error:
        raise DestinationError(f"GITHUB_STEP_SUMMARY: {name}: {error.strerror}") from error


def _title(check: Check) -> str:
    return f"edgekit gate: {check.rule}: {check.metric}"


def _data(text: str) -> str:
    """Escape what a workflow command's message may not hold."""
    shown = visible(text, most=2000)
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape what a workflow command's property may not hold."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
