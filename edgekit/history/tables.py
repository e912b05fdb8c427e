"""The tables of a history, as this version of edgekit knows them; ``migrations`` makes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)
from sqlalchemy.types import TypeDecorator

LAYOUT = "0003"
"""The newest migration; a database that is at another one is migrated, or refused."""

LAYOUT_TABLE = "edgekit_layout"


class UtcTime(TypeDecorator[datetime]):
    """A time with its zone in Python, UTC without one in the database."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Return UTC without a zone."""
        return value.astimezone(UTC).replace(tzinfo=None) if value is not None else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return it with its zone."""
        return value.replace(tzinfo=UTC) if value is not None else None


METADATA = MetaData()
_LONGEST = 2**32 - 1  # some databases take 64 KiB unless they are told

# ``content`` is the JSON document, deflated (RFC 1950); ``sha256`` is of it before that.
DOCUMENTS = Table(
    "edgekit_documents",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("content", LargeBinary(_LONGEST), nullable=False),
)

RUNS = Table(
    "edgekit_runs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("document_id", ForeignKey(DOCUMENTS.c.id), nullable=False),
    Column("document", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("time", UtcTime, nullable=False),
    Column("model", String(255), nullable=False),
    Column("source_sha256", String(64)),
    Column("artifact_sha256", String(64)),
    Column("target", String(128), nullable=False),
    Column("device", String(128), nullable=False),
    Column("edgekit", String(64), nullable=False),
    Column("verdict", String(8), nullable=False),
    Column("host", String(255)),
    Column("commit", String(64)),
    Column("branch", String(255)),
    Column("metric", String(255)),
    Column("score", Float(53)),
    Column("accuracy_drop_pp", Float(53)),
    Column("drop_unit", String(4)),
    Column("parity_sqnr_db", Float(53)),
    Column("latency_ms", Float(53)),
    Column("latency_basis", String(16)),
    Column("size_kib", Float(53)),
    Column("model_memory_mib", Float(53)),
    Column("peak_memory_mib", Float(53)),
    Column("ram_kib", Float(53)),
    Column("arena_kib", Float(53)),
    Column("instructions", BigInteger),
    Column("cycles", BigInteger),
)
Index("edgekit_runs_series", RUNS.c.model, RUNS.c.target, RUNS.c.device, RUNS.c.id)
Index("edgekit_runs_device", RUNS.c.device, RUNS.c.id)
Index("edgekit_runs_target", RUNS.c.target, RUNS.c.id)
Index("edgekit_runs_verdict", RUNS.c.verdict, RUNS.c.id)
Index("edgekit_runs_time", RUNS.c.time)
Index("edgekit_runs_document", RUNS.c.document_id)
