"""``edgekit schema``: the JSON Schema of a document."""

from __future__ import annotations

import click

from edgekit.cli.complete import document_names
from edgekit.cli.options import print_json


@click.command("schema")
@click.argument(
    "document", shell_complete=document_names,
    metavar="[report|details|compression|manifest|audit|target|...]",
)  # fmt: skip
def command(document: str) -> None:
    """Print the JSON Schema of a document, for editors, scripts and gates.

    report, details and manifest: the JSON files of a conversion; audit: what `edgekit audit
    --json` prints; target: a target's TOML file.
    """
    from edgekit.report.schema import json_schema

    print_json(json_schema(document))
