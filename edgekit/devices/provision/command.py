"""Runs programs that are not ours; what goes wrong is one line."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgekit.errors import DeviceError, one_line


def output_of(
    command: Sequence[str],
    *,
    doing: str,
    timeout_s: float,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    advice: str = "",
) -> str:
    """Run a program to its end and return what it printed.

    Args:
        command: The program and its arguments; no shell sees them.
        doing: What it is for, for the error's text.
        timeout_s: After which it is ended.
        folder: Where it runs; here if None.
        environment: All that it gets; this process's if None.
        advice: What the user can do about a failure.

    Raises:
        DeviceError: it is not there, failed, or did not end in time.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout_s, cwd=folder,
            env=environment,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(_said(doing, one_line(error), advice)) from error
    if done.returncode:
        raise DeviceError(
            _said(doing, telling(done.stderr) or f"exit code {done.returncode}", advice)
        )
    return done.stdout.decode(errors="replace")


def telling(text: bytes) -> str:
    """Return the line that tells most: the last that speaks of an error, else the last one.

    A warning tells less than any other line, and so does qemu's word that a signal came.
    """
    lines = [line.strip() for line in text.decode(errors="replace").splitlines() if line.strip()]
    grave = [line for line in lines if line.startswith(("E:", "ERROR:")) or "error:" in line]
    plain = [
        line for line in lines
        if "warning:" not in line.lower() and not line.startswith(("qemu: uncaught", "INFO:"))
    ]  # fmt: skip
    return (grave or plain or lines or [""])[-1][:300]


def _said(doing: str, what: str, advice: str) -> str:
    return f"{doing}: {what}" + (f"; {advice}" if advice else "")
