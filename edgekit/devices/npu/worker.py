"""Runs in a process of its own: Vela, with the arguments of its command line."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys


def main(*arguments: str) -> int:
    """Compile; Vela's exit code. Its version is the last line on stdout."""
    code = importlib.import_module("ethosu.vela.vela").main(list(arguments))
    sys.stdout.write(f"\n{importlib.metadata.version('ethos-u-vela')}\n")
    sys.stdout.flush()
    return int(code or 0)
