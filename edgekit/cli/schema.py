"""``edgekit schema``: the JSON Schema of a document."""

from __future__ import annotations

import click

from edgekit.cli.complete import document_names
from edgekit.cli.options import print_json


@click.command("schema")
@click.argument(
    "document", shell_complete=document_names,
    metavar="[report|details|compression|manifest|audit|benchmark|comparison|gate|target|...]",
)  # fmt: skip
def command(document: str) -> None:
    """Print the JSON Schema of a document, for editors, scripts and gates.

    report, details, manifest and failures: the JSON files of a conversion; audit, benchmark,
    comparison, gate and inspection: what `edgekit audit`, `bench`, `compare`, `gate` and `inspect`
    print with --json; target and device: their TOML files; rule: one of a gate's policy.
    """
    from edgekit.comparing import result as comparing
    from edgekit.gating import policy
    from edgekit.gating import result as gating
    from edgekit.report.schema import DOCUMENTS, Document, json_schema

    title = "What `edgekit {} --json` prints"
    documents = {
        **DOCUMENTS,
        "comparison": Document(
            comparing.ComparisonResult, comparing.SCHEMA, title.format("compare"), words=True
        ),
        "gate": Document(gating.GateResult, gating.SCHEMA, title.format("gate"), words=True),
        "rule": Document(policy.Rule, 1, "[[rules]] of edgekit-gate.toml", versioned=False),
    }
    print_json(json_schema(document, documents))
