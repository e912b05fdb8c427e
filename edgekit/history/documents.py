"""Reads the documents that a history keeps: reports, and benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from edgekit.errors import ArtifactError
from edgekit.history.rows import Document
from edgekit.report import devices, model
from edgekit.report.plain import from_plain, to_plain

_EXPECTED = "expected a report.json, or what `edgekit bench -o` or `--json` gives"


def read_file(path: Path) -> list[Document]:
    """Read a file strictly: a report, a benchmark, or the reports that ``--json`` printed.

    Raises:
        ArtifactError: it cannot be read, is something else, or of another schema.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}; {_EXPECTED}") from error
    plain = _object(content, str(path))
    if isinstance(reports := plain.get("reports"), list):
        return [_built(one, f"{path}: report {at}") for at, one in enumerate(reports, 1)]
    return [_built(plain, str(path))]


def read(content: bytes, *, where: str) -> Document:
    """Read one document strictly; error texts open with ``where``.

    Raises:
        ArtifactError: it is neither a report nor a benchmark, or of another schema.
    """
    return _built(_object(content, where), where)


def written(document: Document) -> bytes:
    """Return a document as indented JSON that ends in a line break, as ``report.json`` has it."""
    return msgspec.json.format(msgspec.json.encode(to_plain(document)), indent=2) + b"\n"


def _object(content: bytes, where: str) -> dict[str, Any]:
    try:
        plain = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtifactError(f"{where}: not JSON ({error}); {_EXPECTED}") from error
    if not isinstance(plain, dict):
        raise ArtifactError(f"{where}: {_EXPECTED}, got {type(plain).__name__}")
    return plain


def _built(plain: Any, where: str) -> Document:
    keys = plain.keys() if isinstance(plain, dict) else set()
    if {"artifact", "target"} <= keys:
        _check_schema(plain, model.SCHEMA, where)
        return from_plain(plain, model.Report, where=where)
    if "measurements" in keys:
        _check_schema(plain, devices.SCHEMA, where)
        return from_plain(plain, devices.Benchmark, where=where)
    raise ArtifactError(f"{where}: {_EXPECTED}, got other keys")


def _check_schema(plain: dict[str, Any], expected: int, where: str) -> None:
    if (came := plain.get("schema")) != expected:
        raise ArtifactError(
            f"{where}: expected schema {expected}, got {came!r}; "
            "read it with the edgekit version that wrote it"
        )
