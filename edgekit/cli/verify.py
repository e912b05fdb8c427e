"""``edgekit verify``: are these the files that were made?"""

from __future__ import annotations

import click

from edgekit.cli.options import json_option, print_json
from edgekit.errors import DigestMismatch
from edgekit.manifest import read
from edgekit.manifest import verify as find_differences


@click.command("verify")
@click.argument("manifest", type=click.Path())
@json_option
def command(manifest: str, as_json: bool) -> None:
    """Check files against MANIFEST: a manifest.json, or the folder that it lies in.

    Exit code 0 when each file is there with the size and SHA-256 that it says, 3 when one is not.
    """
    differences = find_differences(manifest)
    if as_json:
        document = {"manifest": manifest, "verified": not differences, "differences": differences}
        print_json({"schema": 1, **document})
    if differences:
        raise DigestMismatch(f"{manifest}: {'; '.join(differences)}")
    if not as_json:
        count = len(read(manifest).files)
        files = "1 file is" if count == 1 else f"{count} files are"
        click.echo(f"{manifest}: {files} as described")
