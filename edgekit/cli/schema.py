"""``edgekit schema``: the JSON Schema of a document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from edgekit.cli.complete import document_names
from edgekit.cli.options import print_json

if TYPE_CHECKING:
    from edgekit.report.schema import Document


@click.command("schema")
@click.argument(
    "document", shell_complete=document_names,
    metavar="[report|details|compression|manifest|audit|benchmark|evaluation|comparison|gate|target|...]",
)  # fmt: skip
def command(document: str) -> None:
    """Print the JSON Schema of a document, for editors, scripts and gates.

    report, details, manifest and failures: the JSON files of a conversion; audit, benchmark,
    evaluation, comparison, gate and inspection: what `edgekit audit`, `bench`, `evaluate`,
    `compare`, `gate` and `inspect` print with --json; target, device and farm-plan: their TOML
    files; rule: one of a gate's policy.
    """
    from edgekit.report.schema import json_schema

    print_json(json_schema(document, documents()))


def documents() -> Mapping[str, Document]:
    """Return every kind of document by its name, of whatever room."""
    from edgekit import evaluation, table
    from edgekit.comparing import result as comparing
    from edgekit.farm.plan import Plan
    from edgekit.gating import policy
    from edgekit.gating import result as gating
    from edgekit.report.schema import DOCUMENTS, Document

    title = "What `edgekit {} --json` prints"
    return {
        **DOCUMENTS,
        "evaluation": Document(
            evaluation.EvaluationResult, evaluation.SCHEMA, title.format("evaluate"), words=True
        ),
        "comparison": Document(
            comparing.ComparisonResult, comparing.SCHEMA, title.format("compare"), words=True
        ),
        "gate": Document(gating.GateResult, gating.SCHEMA, title.format("gate"), words=True),
        "rule": Document(policy.Rule, 1, "[[rules]] of edgekit-gate.toml", versioned=False),
        "farm-plan": Document(
            Plan, table.SCHEMA, "The plan that `edgekit farm submit` carries out"
        ),
    }
