"""What commands that make documents share: keeping them in a history, and logging to MLflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgekit.cli import fail
from edgekit.errors import EdgekitError

if TYPE_CHECKING:
    from edgekit.history.tracking import Tracking
    from edgekit.report.documents import Document

F = TypeVar("F", bound=Callable[..., object])
NAMES = frozenset({"history", "mlflow"})


def recording_options(command: F) -> F:
    """Add ``--history`` and ``--mlflow``; give what they say to ``Recorder``."""
    command = click.option(
        "--mlflow", metavar="URI", help="Log the run there, with its files (extra mlflow).",
    )(command)  # fmt: skip
    return history_option(command)


def history_option(command: F) -> F:
    """Add ``--history`` alone."""
    return click.option(
        "--history", metavar="DB", envvar="EDGEKIT_HISTORY", show_envvar=True,
        help="Keep the run there: an SQLite file, or an SQLAlchemy URL (extra history).",
    )(command)  # fmt: skip


class Recorder:
    """Keeps what a command made. Both places are tried when it is made: before hours of work.

    Raises:
        DestinationError, OptionError, MissingExtra: a place cannot be used.
    """

    def __init__(self, history: str | None, mlflow: str | None = None) -> None:
        self._history = history
        self._tracking: Tracking | None = None
        if history is not None:
            from edgekit.history import open_history

            open_history(history, writes=True).close()
        if mlflow is not None:
            from edgekit.history.tracking import Tracking

            self._tracking = Tracking.open(mlflow)

    @property
    def wanted(self) -> bool:
        """Whether there is a place to keep anything."""
        return self._history is not None or self._tracking is not None

    def finish(
        self, documents: Sequence[Document], folders: Sequence[Path] = (), *,
        missed: EdgekitError | None, silent: bool, again: bool = True,
    ) -> None:  # fmt: skip
        """Keep documents, then raise what was missed, or what kept them from being kept.

        Args:
            documents: That were made.
            folders: Of each document, for MLflow; none for benchmarks.
            missed: What the command ends with all the same.
            silent: Whether to say nothing of where they went.
            again: Whether the history keeps documents that it has already.
        """
        try:
            for line in self._kept(documents, folders, again):
                if not silent:
                    click.echo(line)
        except EdgekitError as error:
            if missed is None:
                raise
            fail(str(error))
        if missed is not None:
            raise missed

    def _kept(
        self, documents: Sequence[Document], folders: Sequence[Path], again: bool
    ) -> list[str]:
        if not self.wanted:
            return []
        from edgekit.history import open_history, origin_here

        said = []
        origin = origin_here()
        if self._history is not None:
            with open_history(self._history, writes=True) as history:
                kept = [history.record(one, origin, again=again) for one in documents]
                numbers = [str(number) for each in kept for number in each]
                new = f"kept {_named('run', numbers)}" if numbers else "kept already"
                said.append(f"{new} in {history.place}")
        if self._tracking is not None:
            places: list[Any] = [*folders] or [None] * len(documents)
            for one, folder in zip(documents, places, strict=True):
                logged = self._tracking.log(one, origin, folder)
                said += [f"logged {key} to MLflow" for key in logged]
        return said


def _named(what: str, numbers: Sequence[str]) -> str:
    return f"{what}{'s' * (len(numbers) != 1)} {', '.join(numbers)}"
