"""Progress bars with stages, on a terminal; one plain line a stage elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from edgekit.progress import Progress, Silent
from edgekit.report.text import visible

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


@dataclass(frozen=True)
class Lines(Silent):
    """Tells the name of each stage as it begins, a line each."""

    stream: TextIO

    @contextlib.contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[None]:
        """Enter a stage."""
        steps = "" if total is None else f" ({total:,})"
        self.stream.write(f"{visible(name)}{steps}\n")
        self.stream.flush()
        yield

    def note(self, text: str) -> None:
        """Say how the innermost stage goes, on a line of its own."""
        self.stream.write(f"  {visible(text)}\n")
        self.stream.flush()


class Bars:
    """Draws a bar for each stage; a finished one stays, with its time."""

    def __init__(self, drawn: RichProgress) -> None:
        self._drawn = drawn
        self._open: list[TaskID] = []
        self._names: dict[TaskID, str] = {}

    @contextlib.contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[None]:
        """Enter a stage."""
        name = visible(name)
        task = self._drawn.add_task(name, total=total)
        self._open.append(task)
        self._names[task] = name
        try:
            yield
            done = self._drawn.tasks[self._drawn.task_ids.index(task)].total or 1
            self._drawn.update(task, total=done, completed=done)
        finally:
            self._open.remove(task)
            self._drawn.stop_task(task)

    def advance(self, count: int = 1) -> None:
        """Count steps."""
        if self._open:
            self._drawn.advance(self._open[-1], count)

    def note(self, text: str) -> None:
        """Say how the innermost stage goes, behind its name."""
        if self._open:
            task = self._open[-1]
            name = self._names[task]
            self._drawn.update(task, description=f"{name}  {visible(text)}")


@contextlib.contextmanager
def progress(stream: TextIO | None) -> Iterator[Progress]:
    """Give something to tell progress to, as ``stream`` can show it.

    Bars on a terminal, plain lines elsewhere (a log, TERM=dumb), nothing for None. The stream is
    written to directly: ``sys.stdout`` and ``sys.stderr`` are left as they are, so that it works
    inside ``edgekit.quiet.quiet`` with the real stream that it gives.
    """
    if stream is None:
        yield Silent()
        return
    from rich.console import Console

    console = Console(file=stream, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        yield Lines(stream)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=24),
               MofNCompleteColumn(), TimeElapsedColumn())  # fmt: skip
    with Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False) as drawn:
        yield Bars(drawn)
