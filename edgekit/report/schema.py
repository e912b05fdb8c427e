"""JSON Schemas of edgekit's documents, derived from the dataclasses that they are made of."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from edgekit import manifest, table
from edgekit.auditing import AuditResult
from edgekit.devices.declaration import Device
from edgekit.errors import UnknownName
from edgekit.inspection import graph
from edgekit.report import details, devices, failed, model
from edgekit.report.figures import FIGURES
from edgekit.report.plain import NOT_FINITE
from edgekit.target import Target

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class Document:
    """A kind of document: its dataclass, its version, and what it is.

    ``versioned`` documents carry their version under ``schema``, which the dataclass may leave
    to the file format. In those with ``words``, a word stands for a number that JSON does not have.
    """

    kind: type[Any]
    version: int
    title: str
    versioned: bool = True
    words: bool = False


DOCUMENTS: Mapping[str, Document] = {
    "report": Document(
        model.Report, model.SCHEMA, "report.json: what is known of one artifact", words=True
    ),
    "details": Document(
        details.Details,
        details.SCHEMA,
        "details.json: what a report's pictures are drawn from",
        words=True,
    ),
    "compression": Document(
        model.CompressionReport, model.SCHEMA, "What `edgekit compress --json` prints", words=True
    ),
    "manifest": Document(
        manifest.Manifest, manifest.SCHEMA, "manifest.json: the files of one conversion"
    ),
    "failures": Document(
        failed.Failures, failed.SCHEMA, "failures.json: which targets could not be made, and why"
    ),
    "audit": Document(AuditResult, 1, "What `edgekit audit --json` prints", versioned=False),
    "benchmark": Document(
        devices.Benchmark, devices.SCHEMA, "What `edgekit bench --json` prints", words=True
    ),
    "inspection": Document(graph.Inspection, graph.SCHEMA, "What `edgekit inspect --json` prints"),
    "target": Document(Target, table.SCHEMA, "targets/*.toml: what an artifact must be"),
    "device": Document(Device, table.SCHEMA, "devicefarm/*.toml: where files are measured"),
}


def json_schema(name: str, documents: Mapping[str, Document] = DOCUMENTS) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a kind of document; unknown keys are not allowed.

    Raises:
        UnknownName: there is no such kind.
    """
    if name not in documents:
        raise UnknownName("document", name, documents)
    document = documents[name]
    _, components = msgspec.json.schema_components([document.kind], ref_template="#/$defs/{name}")
    held = _held(document.kind, set())
    for kind, figures in FIGURES.items():
        if kind in held:  # another document may have a dataclass of the same name
            _state(components[kind.__name__], figures)
    for component in components.values():
        component.setdefault("additionalProperties", False)
    root = components.pop(document.kind.__name__)
    if document.versioned:
        root["properties"] = {"schema": {"const": document.version}} | {
            key: value for key, value in root["properties"].items() if key != "schema"
        }
        root["required"] = ["schema", *(key for key in root["required"] if key != "schema")]
    opening = {
        "$schema": _DIALECT,
        "$id": f"urn:edgekit:schema:{name}:{document.version}",
        "version": document.version,
    }
    if document.words:
        root, components = _with_words(root), _with_words(components)
        components["Number"] = {"anyOf": [{"type": "number"}, {"enum": list(NOT_FINITE)}]}
    whole: dict[str, Any] = opening | root | {"title": document.title, "$defs": components}
    return whole


def _held(kind: Any, seen: set[Any]) -> set[Any]:
    """Return the dataclasses that a document consists of."""
    if dataclasses.is_dataclass(kind) and kind not in seen:
        seen.add(kind)
        for hint in typing.get_type_hints(kind).values():
            _held(hint, seen)
    for argument in typing.get_args(kind):
        _held(argument, seen)
    return seen


def _state(component: dict[str, Any], figures: Mapping[str, Any]) -> None:
    """Add figures that are computed, all of which a document states."""
    for key, (kind, _) in figures.items():
        component["properties"][key] = msgspec.json.schema(kind)
    component["required"] = [*component["required"], *figures]


def _with_words(schema: Any) -> Any:
    """Let words stand for the numbers that JSON does not have, wherever a number may."""
    if isinstance(schema, dict):
        if schema.get("type") == "number":
            return {"$ref": "#/$defs/Number"}
        return {key: _with_words(value) for key, value in schema.items()}
    return [_with_words(item) for item in schema] if isinstance(schema, list) else schema
