"""Imports modules of the user's, who names them on the command line or in a profile."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType


def import_module(name: str) -> ModuleType:
    """Import a module; the current folder counts as a place to import from meanwhile.

    Raises:
        Exception: whatever the module raises; the caller says in what it was named.
    """
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    finally:
        if added and here in sys.path:
            sys.path.remove(here)
