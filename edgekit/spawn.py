"""Starts functions of ours in a fresh Python process."""

from __future__ import annotations

import sys

# Until the path is set, -P keeps what lies in the current folder from being imported.
_START = """\
import sys
task, count, rest = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
sys.argv[1:], sys.path[:] = rest[:count], rest[count:]
import importlib
module, _, function = task.partition(":")
sys.exit(getattr(importlib.import_module(module), function)(*sys.argv[1:]))
"""


def python(task: str, *arguments: str) -> list[str]:
    """Return the command that calls a function in a process of its own, for ``subprocess``.

    The child finds modules exactly where this process does, also from a checkout or a zip; what
    the function returns is its exit code.

    Args:
        task: ``module:function``.
        arguments: Of the function; also ``sys.argv[1:]`` of the child.
    """
    return [sys.executable, "-P", "-c", _START, task, str(len(arguments)), *arguments, *sys.path]
