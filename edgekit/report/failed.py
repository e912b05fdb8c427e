"""Which targets of a model could not be made when they were last tried, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from edgekit.errors import ArtifactError
from edgekit.files import write_atomically
from edgekit.report.plain import from_plain, to_plain
from edgekit.version import VERSION

SCHEMA = 1
FILE = "failures.json"


@dataclass(frozen=True, kw_only=True)
class Failures:
    """``failures.json``: why targets could not be made, by the target's name."""

    schema: int = SCHEMA
    edgekit: str = VERSION
    failures: Mapping[str, str] = field(default_factory=dict)


def read_failures(path: Path) -> dict[str, str]:
    """Return why targets could not be made, by name.

    Raises:
        ArtifactError: the file cannot be read, or is something else.
    """
    try:
        plain = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtifactError(f"{path}: expected the failures of a conversion: {error}") from error
    if not isinstance(plain, dict) or plain.get("schema") != SCHEMA:
        raise ArtifactError(f"{path}: expected the failures of a conversion, of schema {SCHEMA}")
    return dict(from_plain(plain, Failures, where=str(path)).failures)


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
        document = msgspec.json.encode(to_plain(Failures(failures=left)))
        write_atomically(path, msgspec.json.format(document, indent=2) + b"\n")
    else:
        path.unlink(missing_ok=True)
