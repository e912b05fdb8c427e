"""Brings a database to the tables that this version of edgekit knows."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, inspect, text

from edgekit.errors import DestinationError
from edgekit.history.connection import is_sqlite, let_many_write, persistent, shown
from edgekit.history.tables import LAYOUT, LAYOUT_TABLE

_STEPS = Path(__file__).with_name("migrations")
_LOCK = 0x6564_6765  # of PostgreSQL: only one process migrates


def found(connection: Connection) -> str | None:
    """Return the layout of a database; None where no history is."""
    if not inspect(connection).has_table(LAYOUT_TABLE):
        return None
    told = connection.execute(text(f"SELECT version_num FROM {LAYOUT_TABLE}")).scalar()
    return str(told) if told is not None else None


def bring_up_to_date(engine: Engine, url: URL) -> None:
    """Make or migrate the tables, in one transaction. Of an SQLite file a copy is left before.

    Processes that come meanwhile wait. The copy is ``<file>.layout-<old>.bak``, beside the file.

    Raises:
        DestinationError: a newer version of edgekit made the tables.
    """

    def look() -> str | None:
        with engine.connect() as connection:
            layout = found(connection)
            if layout is not None and is_sqlite(url):  # a file that cannot be written is told here
                connection.execute(text(f"UPDATE {LAYOUT_TABLE} SET version_num = version_num"))
                connection.rollback()
            return layout

    if (layout := persistent(look)) == LAYOUT:
        return
    if is_sqlite(url):
        let_many_write(engine)

    def migrate() -> None:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            layout = found(connection)
            if layout == LAYOUT:
                return
            _refuse_newer(layout, url)
            if layout is not None and is_sqlite(url):
                _keep_copy(Path(str(url.database)), layout)
            _upgrade(connection)

    _refuse_newer(layout, url)
    persistent(migrate)


def check(engine: Engine, url: URL) -> bool:
    """Whether a database is at this version's layout; False if it has to be migrated first.

    Raises:
        DestinationError: no history is there, or a newer version of edgekit made it.
    """
    with engine.connect() as connection:
        layout = found(connection)
    if layout is None:
        raise DestinationError(
            f"history {shown(url)}: no run was kept there; "
            "`edgekit convert … --history DB` or `edgekit history add` begins one"
        )
    _refuse_newer(layout, url)
    return layout == LAYOUT


def _refuse_newer(layout: str | None, url: URL) -> None:
    if layout is not None and layout > LAYOUT:
        raise DestinationError(
            f"history {shown(url)}: a newer edgekit made it (layout {layout}, this one knows "
            f"{LAYOUT}); update edgekit"
        )


def _upgrade(connection: Connection) -> None:
    """Take the steps that a database lacks, within the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_STEPS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")


def _keep_copy(path: Path, layout: str) -> None:
    """Copy a database whose writers wait; the copy appears whole or not at all."""
    copy = path.with_name(f"{path.name}.layout-{layout}.bak")
    unfinished = copy.with_name(f".{copy.name}.{os.getpid()}")
    try:
        with (
            contextlib.closing(sqlite3.connect(path)) as source,
            contextlib.closing(sqlite3.connect(unfinished)) as target,
        ):
            source.backup(target)
        unfinished.replace(copy)
    finally:
        unfinished.unlink(missing_ok=True)
