"""``edgekit schema``: the JSON Schema of a document."""

from __future__ import annotations

import click

from edgekit.cli.complete import document_names
from edgekit.cli.options import print_json


@click.command("schema")
@click.argument(
    "document", shell_complete=document_names, metavar="[report|compression|manifest|audit|target]"
)
def command(document: str) -> None:
    """Print the JSON Schema of a document, for editors, scripts and gates.

    report and manifest: report.json and manifest.json of a conversion; audit: what `edgekit audit
    --json` prints; target: a target's TOML file.
    """
    from edgekit.report.schema import json_schema

    print_json(json_schema(document))
