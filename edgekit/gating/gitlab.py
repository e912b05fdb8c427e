"""A gate's verdict as GitLab's code-quality report: an issue for each check that is not passed."""

from __future__ import annotations

import hashlib
from pathlib import PurePath

import msgspec

from edgekit.gating.result import Check, GateResult
from edgekit.report.text import visible

_SEVERITIES = {"fail": "critical", "undecided": "major", "warn": "minor"}


def gitlab(found: GateResult) -> bytes:
    """Return the document: a JSON array. A warning is minor, and what fails the job critical.

    An issue keeps its fingerprint from run to run, so that a merge request shows what is new.
    """
    issues = [_issue(check, found) for check in found.ranked if check.verdict != "pass"]
    return msgspec.json.format(msgspec.json.encode(issues), indent=2) + b"\n"


def _issue(check: Check, found: GateResult) -> dict[str, object]:
    key = "\0".join((check.rule, check.metric, check.model, check.target, check.device, check.kind))
    path = PurePath(found.policy)
    name = "edgekit-gate.toml" if path.is_absolute() else path.as_posix()
    return {
        "description": visible(check.text, most=2000),
        "check_name": f"edgekit/{check.metric}",
        "fingerprint": hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest(),
        "severity": _SEVERITIES[check.verdict],
        "location": {"path": visible(name), "lines": {"begin": 1}},
    }
