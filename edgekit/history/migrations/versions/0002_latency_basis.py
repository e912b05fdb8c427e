"""How latencies were come by, which older runs have in their documents; more to look up by."""

from __future__ import annotations

import json
import zlib
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column, fill it from the documents, and add indexes."""
    op.add_column("edgekit_runs", sa.Column("latency_basis", sa.String(16)))
    runs = sa.table("edgekit_runs", sa.column("document_id"), sa.column("device"),
                    sa.column("artifact_sha256"), sa.column("latency_ms"),
                    sa.column("latency_basis"))  # fmt: skip
    documents = sa.table("edgekit_documents", sa.column("id"), sa.column("kind"),
                         sa.column("content"))  # fmt: skip
    connection = op.get_bind()
    timed = runs.c.latency_ms.is_not(None)
    of_benchmarks = sa.select(documents.c.id).where(documents.c.kind == "benchmark")
    connection.execute(
        sa.update(runs).where(timed, runs.c.document_id.not_in(of_benchmarks))
        .values(latency_basis="measured")
    )  # fmt: skip
    numbers = [number for (number,) in connection.execute(of_benchmarks)]
    for number in numbers:
        content = connection.execute(
            sa.select(documents.c.content).where(documents.c.id == number)
        ).scalar_one()
        for device, artifact, basis in _bases(content):
            connection.execute(
                sa.update(runs)
                .where(runs.c.document_id == number, runs.c.device == device,
                       runs.c.artifact_sha256 == artifact, timed)
                .values(latency_basis=basis)
            )  # fmt: skip
    for name in ("device", "target", "verdict"):
        op.create_index(f"edgekit_runs_{name}", "edgekit_runs", [name, "id"])


def _bases(content: bytes) -> list[tuple[str, str, str]]:
    """Return device, digest of the file and basis of each latency in a benchmark."""
    told: list[dict[str, Any]] = json.loads(zlib.decompress(content))["measurements"]
    return [(one["device"], one["sha256"], one["latency"]["basis"]) for one in told
            if one["latency"] is not None]  # fmt: skip
