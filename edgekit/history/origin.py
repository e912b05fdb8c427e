"""Where a run takes place: this machine, and the Git commit that is checked out."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from edgekit.history.run import Origin

_GIT_S = 10.0
_BRANCHES = ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME")


def origin_here(folder: Path | None = None) -> Origin:
    """Return what is known of this place; commit and branch are None outside of a Git checkout.

    Args:
        folder: Of the checkout; the working folder if None. In GitHub and GitLab jobs, which check
            out a commit and no branch, the branch is what the job's environment says.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    branch = None
    if commit is not None:
        told = (os.environ.get(name) for name in _BRANCHES)
        branch = _git(folder, "symbolic-ref", "--short", "HEAD") or next(filter(None, told), None)
    return Origin(host=platform.node() or None, commit=commit, branch=branch)


def _git(folder: Path | None, *arguments: str) -> str | None:
    """Return what Git answers; None if it is not there, refuses, or takes too long."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=_GIT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace").strip() or None if done.returncode == 0 else None
