"""Documents, and what is filtered and plotted of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
_TEXTS = {"metric": 255, "host": 255, "commit": 64, "branch": 255}
_FIGURES = ("score", "drop_pp", "sqnr_db", "latency_ms", "size_kib", "memory_kib")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "edgekit_documents",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary(2**32 - 1), nullable=False),
    )
    op.create_index("ix_edgekit_documents_sha256", "edgekit_documents", ["sha256"])
    op.create_table(
        "edgekit_runs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("document_id", sa.Integer, sa.ForeignKey("edgekit_documents.id"), nullable=False),
        sa.Column("document", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("time", sa.DateTime, nullable=False),
        sa.Column("model", sa.String(255), nullable=False),
        sa.Column("source_sha256", sa.String(64)),
        sa.Column("artifact_sha256", sa.String(64)),
        sa.Column("target", sa.String(128), nullable=False),
        sa.Column("device", sa.String(128), nullable=False),
        sa.Column("edgekit", sa.String(64), nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        *(sa.Column(name, sa.String(length)) for name, length in _TEXTS.items()),
        *(sa.Column(name, sa.Float(53)) for name in _FIGURES),
        sa.Column("instructions", sa.BigInteger),
        sa.Column("cycles", sa.BigInteger),
    )
    for name, columns in {
        "series": ["model", "target", "device", "id"],
        "time": ["time"],
        "document": ["document_id"],
    }.items():
        op.create_index(f"edgekit_runs_{name}", "edgekit_runs", columns)
