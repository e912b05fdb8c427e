"""Which targets of a model could not be made when they were last tried, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgekit.errors import ArtifactError
from edgekit.files import write_atomically
from edgekit.report.documents import Kind, read_file_as, written
from edgekit.version import VERSION

SCHEMA = 1
FILE = "failures.json"


@dataclass(frozen=True, kw_only=True)
class Failures:
    """``failures.json``: why targets could not be made, by the target's name."""

    schema: int = SCHEMA
    edgekit: str = VERSION
    failures: Mapping[str, str] = field(default_factory=dict)


_FAILURES = Kind(Failures, "a failures.json of `edgekit convert`", ("failures",))


def read_failures(path: Path) -> dict[str, str]:
    """Return why targets could not be made, by name.

    Raises:
        ArtifactError: the file cannot be read, or is something else.
    """
    return dict(read_file_as(_FAILURES, path).failures)


def keep_failures(folder: Path, made: list[str], failed: Mapping[str, str]) -> None:
    """Keep in a model's folder which targets failed; those that were made now are let go.

    Where none is left the file goes, too. A file that is none of ours is replaced. Nothing is
    written where the folder is not there: then no target was ever made.

    Raises:
        DestinationError: it cannot be written.
    """
    path = folder / FILE
    if not folder.is_dir() or not (failed or path.exists()):
        return
    try:
        known = read_failures(path) if path.exists() else {}
    except ArtifactError:
        known = {}
    left = {name: why for name, why in known.items() if name not in made} | dict(failed)
    if left:
        write_atomically(path, written(Failures(failures=left)))
    else:
        path.unlink(missing_ok=True)
