"""Figures by the names that gate and compare have for them, and what a drop is in."""

from __future__ import annotations

import json
import zlib
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
_RENAMED = {"drop_pp": "accuracy_drop_pp", "sqnr_db": "parity_sqnr_db"}
_ADDED = ("model_memory_mib", "ram_kib", "arena_kib", "peak_memory_mib")


def upgrade() -> None:
    """Rename columns, and add those that are filled from the documents."""
    for old, new in _RENAMED.items():
        op.alter_column("edgekit_runs", old, new_column_name=new)
    for name in _ADDED:
        op.add_column("edgekit_runs", sa.Column(name, sa.Float(53)))
    op.add_column("edgekit_runs", sa.Column("drop_unit", sa.String(4)))
    names = ("document_id", "device", "artifact_sha256", "kind", "memory_kib", "drop_unit", *_ADDED)
    runs = sa.table("edgekit_runs", *(sa.column(name) for name in names))
    documents = sa.table("edgekit_documents", sa.column("id"), sa.column("content"))
    connection = op.get_bind()
    connection.execute(
        sa.update(runs).where(runs.c.kind == "conversion")
        .values(model_memory_mib=runs.c.memory_kib / 1024.0)
    )  # fmt: skip
    numbers = [number for (number,) in connection.execute(sa.select(documents.c.id))]
    for number in numbers:
        content = connection.execute(
            sa.select(documents.c.content).where(documents.c.id == number)
        ).scalar_one()
        for device, artifact, figures in _figures(json.loads(zlib.decompress(content))):
            connection.execute(
                sa.update(runs)
                .where(runs.c.document_id == number, runs.c.device == device,
                       runs.c.artifact_sha256 == artifact)
                .values(**figures)
            )  # fmt: skip
    op.drop_column("edgekit_runs", "memory_kib")


def _figures(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return device, digest of the file, and what fills columns."""
    if "measurements" not in document:
        unit = _unit(document["evaluation"])
        return [("host", document["artifact"]["sha256"], {"drop_unit": unit})]
    return [
        (one["device"], one["sha256"], _memory(one["memory"])
         | {"drop_unit": _unit(one.get("accuracy"))})
        for one in document["measurements"]
    ]  # fmt: skip


def _memory(told: dict[str, Any]) -> dict[str, float | None]:
    peak = told.get("peak_kib")
    return {
        "ram_kib": told.get("ram_kib"),
        "arena_kib": told.get("arena_kib"),
        "peak_memory_mib": None if peak is None else peak / 1024,
    }


def _unit(scored: dict[str, Any] | None) -> str | None:
    if scored is None or scored.get("drop_pp") is None:
        return None
    return "pp" if scored.get("drop_unit", "points") == "points" else "%"
