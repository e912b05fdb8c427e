"""``edgekit schema``: the JSON Schema of a document."""

from __future__ import annotations

import click

from edgekit.cli.options import print_json


@click.command("schema")
@click.argument("document", metavar="[report|manifest|audit|target]")
def command(document: str) -> None:
    """Print the JSON Schema of a DOCUMENT.

    Documents: report, manifest, audit, target. The one of `target` also checks targets/*.toml
    in an editor.
    """
    from edgekit.report.schema import json_schema

    print_json(json_schema(document))
