"""This Python under a path of plain characters: for shebangs, and for boards' configuration."""

from __future__ import annotations

import atexit
import re
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path


@cache
def plain_python() -> str:
    """Return this Python's path; where that has spaces a script's, which becomes this Python."""
    if re.fullmatch(r"[\w./+-]+", sys.executable):
        return sys.executable
    folder = Path(tempfile.mkdtemp(prefix="edgekit-python-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return str(program)
