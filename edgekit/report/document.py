"""The report as a JSON document, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from edgekit.errors import ArtifactError
from edgekit.report import schema
from edgekit.report.model import SCHEMA, Report
from edgekit.report.plain import from_plain, to_plain


def to_json(report: Report) -> bytes:
    """Return the document: indented UTF-8 that ends in a line break; the same report, same bytes.

    Fields stand in the order of the model, keys of mappings are sorted. Figures that follow from
    others (``verdict``, ``median_ms``, ``size_kib`` …) are stated too. What is not finite is a
    string, see ``edgekit.report.plain``.
    """
    return msgspec.json.format(msgspec.json.encode(to_plain(report)), indent=2) + b"\n"


def documents(reports: Sequence[Report], failures: Mapping[str, str] | None = None) -> bytes:
    """Return the document of one conversion.

    It is ``{"schema": 1, "reports": [...], "failures": {...}}``; the last says by target why it
    could not be made.
    """
    plain = {
        "schema": SCHEMA,
        "reports": [to_plain(report) for report in reports],
        "failures": to_plain(failures or {}),
    }
    return msgspec.json.format(msgspec.json.encode(plain), indent=2)


def from_json(document: bytes, *, where: str = "report") -> Report:
    """Read a document strictly; ``to_json`` of the result gives its content again.

    Args:
        document: What ``to_json`` gave, possibly by another version of edgekit.
        where: What error texts open with, such as the file's path.

    Raises:
        ArtifactError: not JSON, of another schema, an unknown key, a wrong type, or a figure that
            contradicts what it is computed from; the text names the place.
    """
    try:
        plain = msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtifactError(f"{where}: expected a report in JSON: {error}") from error
    if not isinstance(plain, dict):
        raise ArtifactError(f"{where}: expected a JSON object, got {type(plain).__name__}")
    if (came := plain.get("schema")) != SCHEMA:
        raise ArtifactError(
            f"{where}: expected a report of schema {SCHEMA}, got {came!r}; "
            "read it with the edgekit version that wrote it, or convert again"
        )
    return from_plain(plain, Report, where=where)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document."""
    return schema.json_schema("report")
