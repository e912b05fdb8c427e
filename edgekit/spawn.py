"""Starts functions of ours in a fresh Python process, which answers on its stdout."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any, BinaryIO, Self

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


@contextlib.contextmanager
def answering() -> Iterator[BinaryIO]:
    """Give a child what was its stdout; what libraries print there from now on goes to stderr."""
    answer = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(answer, "wb") as out:
        yield out


class Child:
    """A function in a process of its own that is gone when its ``with`` block is left.

    Args:
        task: As for ``python``.
        arguments: As for ``python``.
        streams: Of ``subprocess.Popen``; stdin is a pipe.
    """

    def __init__(self, task: str, *arguments: str, **streams: Any) -> None:
        self.process: subprocess.Popen[Any] = subprocess.Popen(
            python(task, *arguments), stdin=subprocess.PIPE, **streams
        )

    def __enter__(self) -> Self:
        """Return the child."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process, whatever it is at."""
        self.process.kill()
        with contextlib.suppress(BrokenPipeError), self.process:  # what it did not read any more
            pass
