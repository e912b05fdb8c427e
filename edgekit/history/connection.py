"""Connections to a history's database: SQLite so that many processes may write, others as is."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url

from edgekit.errors import DestinationError, OptionError, one_line

T = TypeVar("T")
BUSY_S = 30.0
_PATIENCE_S = 120.0
_CONNECT_S = 10
_LIBPQ = ("psycopg", "psycopg2")
# What databases say when somebody else was first, and the same may work a moment later.
_PASSING = ("locked", "busy", "deadlock", "could not serialize", "lock timeout")


def url_of(place: str | Path) -> URL:
    """Return the address of a history: what has ``://`` is an SQLAlchemy URL, the rest a file.

    Raises:
        OptionError: it is neither.
    """
    text = str(place)
    if "://" not in text:
        if not text.strip() or "\0" in text:
            raise OptionError(f"history {text!r}: expected a file or an SQLAlchemy URL")
        return URL.create("sqlite", database=text)
    try:
        url = make_url(text)
    except (exc.ArgumentError, ValueError) as error:
        raise OptionError(
            "history: expected a file, or a URL such as postgresql+psycopg://user@host/name, "
            "got a URL that cannot be read"
        ) from error
    if is_sqlite(url) and url.database in (None, "", ":memory:"):
        raise OptionError("history: expected an SQLite file, got a database in memory")
    return url


def is_sqlite(url: URL) -> bool:
    """Whether a database is a file here."""
    return url.get_backend_name() == "sqlite"


def shown(url: URL) -> str:
    """Return an address for people: a file's path, or a URL without its password."""
    return str(url.database) if is_sqlite(url) else url.render_as_string(hide_password=True)


def connect(url: URL, *, writes: bool) -> Engine:
    """Return what gives connections; none is made yet. Without ``writes`` it refuses every change.

    Raises:
        OptionError: the database's driver is unknown, or not installed.
    """
    try:
        if is_sqlite(url):
            return _sqlite(url, writes=writes)
        options = {"connect_timeout": _CONNECT_S} if url.get_driver_name() in _LIBPQ else {}
        engine = create_engine(url, pool_pre_ping=True, connect_args=options)
        return engine if writes else engine.execution_options(postgresql_readonly=True)
    except (exc.ArgumentError, ImportError, TypeError) as error:
        raise OptionError(
            f"history {shown(url)}: {one_line(error)}; expected a database that SQLAlchemy knows, "
            "with its driver installed, such as pip install 'edgekit-ml[postgresql]'"
        ) from error


def _sqlite(url: URL, *, writes: bool) -> Engine:
    path = Path(str(url.database)).resolve()
    address = f"{path.as_uri()}?mode={'rwc' if writes else _mode_of_reading(path)}"

    def opened() -> sqlite3.Connection:
        connection = sqlite3.connect(
            address, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        if not writes:
            connection.execute("PRAGMA query_only = ON")
        return connection

    engine = create_engine("sqlite://", creator=opened, poolclass=_pool())
    event.listen(engine, "begin", _begin_writing if writes else _begin)
    return engine


def _mode_of_reading(path: Path) -> str:
    """Return how SQLite reads a file: it likes to write others beside it, which may be forbidden.

    Where it can make none, and no log of another process is there that it has to read along, it is
    told that nobody changes the file.
    """
    if os.access(path.parent, os.W_OK):
        return "rw"
    return "ro" if path.with_name(f"{path.name}-wal").exists() else "ro&immutable=1"


def _pool() -> Any:
    from sqlalchemy.pool import QueuePool

    return QueuePool


def _begin_writing(connection: Connection) -> None:
    """Wait for other writers here, not halfway: SQLite refuses readers that become writers."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def let_many_write(engine: Engine) -> None:
    """Switch an SQLite file to a write-ahead log, where its file system can: readers go on."""

    def switch() -> None:
        with contextlib.closing(engine.raw_connection()) as connection:
            cursor = connection.cursor()
            if cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                cursor.execute("PRAGMA journal_mode = WAL")

    persistent(switch)


def persistent(act: Callable[[], T]) -> T:
    """Do something, again for up to two minutes while somebody else is in the way."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return act()
        except (exc.DBAPIError, sqlite3.OperationalError) as error:
            text = str(error).lower()
            if time.monotonic() > end or not any(word in text for word in _PASSING):
                raise
        time.sleep(random.uniform(0.01, 0.2))


@contextlib.contextmanager
def explained(url: URL) -> Iterator[None]:
    """Turn what a database refuses into one line.

    Raises:
        DestinationError: the database cannot be reached, read or written.
    """
    try:
        yield
    except (exc.DBAPIError, exc.TimeoutError, exc.CompileError, sqlite3.Error) as error:
        cause = getattr(error, "orig", None) or error
        raise DestinationError(
            f"history {shown(url)}: {one_line(cause)}; {_advice(str(cause), url)}"
        ) from error


def _advice(text: str, url: URL) -> str:
    if "full" in text:
        return "free some room on the disk"
    if "not a database" in text or "malformed" in text:
        return "expected an SQLite file; choose another"
    if not is_sqlite(url):
        return "see whether the database is there, and may be written to"
    if any(word in text for word in _PASSING):
        return "another process holds it; try again"
    return "choose a file in a folder that you may write to"
