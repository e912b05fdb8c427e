"""What a long run tells about itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol


class Progress(Protocol):
    """Who listens to a long run."""

    def stage(self, name: str, total: int | None = None) -> contextlib.AbstractContextManager[None]:
        """Enter a stage of ``total`` steps, or of unknown length; stages may nest."""

    def advance(self, count: int = 1) -> None:
        """Count steps of the innermost stage; outside of any stage nothing happens."""

    def note(self, text: str) -> None:
        """Say how the innermost stage goes, such as a loss; outside of any nothing happens."""


class Silent:
    """Tells nothing."""

    @contextlib.contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[None]:
        """Enter a stage."""
        yield

    def advance(self, count: int = 1) -> None:
        """Count steps."""

    def note(self, text: str) -> None:
        """Say how the innermost stage goes."""
