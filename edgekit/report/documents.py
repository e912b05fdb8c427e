"""Writes reports, benchmarks and what lies beside them as JSON, and reads them strictly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from edgekit.errors import ArtifactError
from edgekit.report.details import Details
from edgekit.report.devices import Benchmark
from edgekit.report.model import SCHEMA, Report
from edgekit.report.plain import from_plain, to_plain

T = TypeVar("T")
Document = Report | Benchmark
"""What is compared, gated and kept."""

_MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A kind of document: its dataclass, what error texts call it, and keys that it must have."""

    built: type[T]
    called: str
    keys: tuple[str, ...]

    @property
    def schema(self) -> int:
        """Its version."""
        fields: Mapping[str, Any] = self.built.__dataclass_fields__  # type: ignore[attr-defined]
        return int(fields["schema"].default)

    def is_of(self, plain: Mapping[str, Any]) -> bool:
        """Whether a JSON object has the keys of this kind."""
        return all(key in plain for key in self.keys)


REPORT = Kind(Report, "a report.json of `edgekit convert`", ("artifact", "target"))
BENCHMARK = Kind(Benchmark, "what `edgekit bench -o` or a farm writes", ("measurements",))
DETAILS = Kind(Details, "a details.json of `edgekit convert`", ("artifact_sha256",))

_EITHER = "a report.json, or what `edgekit bench -o` or `--json` gives"


def written(document: Any, *, compact: bool = False) -> bytes:
    """Return a document as UTF-8 that ends in a line break; the same document, the same bytes.

    Fields stand in the order of their dataclass, keys of mappings are sorted. Figures that follow
    from others (``verdict``, ``median_ms``, ``size_kib`` …) are stated too. What is not finite is a
    string, see ``edgekit.report.plain``. It is indented unless ``compact``.
    """
    content = msgspec.json.encode(to_plain(document))
    return (content if compact else msgspec.json.format(content, indent=2)) + b"\n"


def written_together(
    reports: Sequence[Report], failures: Mapping[str, str] | None = None
) -> bytes:  # fmt: skip
    """Return the document of one conversion.

    It is ``{"schema": 1, "reports": [...], "failures": {...}}``; the last says by target why it
    could not be made.
    """
    return written({"schema": SCHEMA, "reports": reports, "failures": failures or {}})


def content_of(path: Path, *, expected: str) -> bytes:
    """Return the content of a file that may be a document.

    Raises:
        ArtifactError: it cannot be read, or is too large for one.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ArtifactError(f"{path}: larger than {_MOST_BYTES >> 30} GiB; expected {expected}")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise ArtifactError(f"{path}: cannot be read: {said}; expected {expected}") from error


def decoded(content: bytes, *, where: str, expected: str) -> dict[str, Any]:
    """Return the JSON object that a document is.

    Raises:
        ArtifactError: it is none.
    """
    try:
        plain = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtifactError(f"{where}: not JSON ({error}); expected {expected}") from error
    if not isinstance(plain, dict):
        raise ArtifactError(f"{where}: expected {expected}, got a JSON {type(plain).__name__}")
    return plain


def built(plain: Any, kind: Kind[T], *, where: str) -> T:
    """Build a document from decoded JSON; ``written`` of it gives the content again.

    Raises:
        ArtifactError: it is of another kind or schema, has an unknown key, a wrong type, or a
            figure that contradicts what it is computed from; the text names the place.
    """
    if not isinstance(plain, dict) or not kind.is_of(plain):
        raise ArtifactError(f"{where}: expected {kind.called}, got something else")
    if (came := plain.get("schema")) != kind.schema:
        raise ArtifactError(
            f"{where}: expected schema {kind.schema}, got {came!r}; read it with the edgekit"
            " version that wrote it, or make it again with this one"
        )
    return from_plain(plain, kind.built, where=where)


def read_as(kind: Kind[T], content: bytes, *, where: str) -> T:
    """Read a document of a known kind strictly; error texts open with ``where``.

    Raises:
        ArtifactError: as ``decoded`` and ``built``.
    """
    return built(decoded(content, where=where, expected=kind.called), kind, where=where)


def read_file_as(kind: Kind[T], path: Path) -> T:
    """Read a file of a known kind strictly.

    Raises:
        ArtifactError: as ``content_of``, ``decoded`` and ``built``.
    """
    return read_as(kind, content_of(path, expected=kind.called), where=str(path))


def read(content: bytes, *, where: str) -> Document:
    """Read a report or a benchmark strictly; error texts open with ``where``.

    Raises:
        ArtifactError: it is neither, or of another schema.
    """
    return _either(decoded(content, where=where, expected=_EITHER), where)


def read_file(path: Path) -> list[Document]:
    """Read a file strictly: a report, a benchmark, or the reports that ``--json`` printed.

    Raises:
        ArtifactError: it cannot be read, is something else, or of another schema.
    """
    content = content_of(path, expected=_EITHER)
    plain = decoded(content, where=str(path), expected=_EITHER)
    if isinstance(reports := plain.get("reports"), list):
        return [_either(one, f"{path}: report {at}") for at, one in enumerate(reports, 1)]
    return [_either(plain, str(path))]


def _either(plain: Any, where: str) -> Document:
    found = plain if isinstance(plain, dict) else {}
    if REPORT.is_of(found):
        return built(plain, REPORT, where=where)
    if BENCHMARK.is_of(found):
        return built(plain, BENCHMARK, where=where)
    raise ArtifactError(f"{where}: expected {_EITHER}, got other keys")
