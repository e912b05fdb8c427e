"""A history: runs with their documents, in a database that many processes may write to."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec
from sqlalchemy import URL, Connection, CursorResult, Engine, insert, select

from edgekit.errors import DestinationError, OptionError, UnknownName
from edgekit.history import layout, queries
from edgekit.history.connection import connect, explained, is_sqlite, persistent, shown, url_of
from edgekit.history.run import METRICS, Origin, Point, Run, Selection, Series
from edgekit.history.tables import DOCUMENTS, RUNS

if TYPE_CHECKING:
    from edgekit.report.documents import Document

EVERYTHING = Selection()


class History:
    """Runs that were kept. Used as a context manager, it lets go of the database on leaving.

    It may be shared by threads. What ``record`` has returned for is in the database for good.
    Every method raises ``DestinationError``, one line, where the database does not do its part.
    """

    def __init__(self, engine: Engine, url: URL) -> None:
        self._engine, self._url = engine, url

    @classmethod
    def open(cls, place: str | Path, *, writes: bool = False) -> Self:
        """Open the history in an SQLite file, or at an SQLAlchemy URL.

        To write, a new one is begun where none is. One that an older edgekit made is migrated,
        also to read; of an SQLite file a copy is left beside it.

        Raises:
            DestinationError: it cannot be reached or written, a newer edgekit made it, or there is
                none to read.
            OptionError: the place is none, or its driver is not installed.
        """
        url = url_of(place)
        if not writes and is_sqlite(url) and not Path(str(url.database)).is_file():
            raise DestinationError(
                f"history {shown(url)}: no such file; `edgekit convert … --history DB` begins one"
            )
        with explained(url):
            if writes or not _is_current(url):
                with _disposed(connect(url, writes=True)) as engine:
                    layout.bring_up_to_date(engine, url)
            return cls(connect(url, writes=writes), url)

    def __enter__(self) -> Self:
        """Return the history."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        return shown(self._url)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def record(
        self, document: Document, origin: Origin | None = None, *, time: datetime | None = None,
        again: bool = True,
    ) -> list[int]:  # fmt: skip
        """Keep a document; return the numbers of its runs: one, or one for each measurement.

        Args:
            document: A report, or a benchmark.
            origin: Where it was made; not known if None.
            time: When; now if None.
            again: Whether it is kept if the same document is there already. If not, nothing is
                returned then.
        """
        from edgekit.history.rows import kind_of, rows_of  # documents cost; listing needs none

        content, kind = _content(document), kind_of(document)
        digest, where = sha256(content).hexdigest(), origin or Origin()
        packed, rows = zlib.compress(content), rows_of(document)
        known = select(DOCUMENTS.c.id).where(DOCUMENTS.c.sha256 == digest).limit(1)
        common = {"document": digest, "time": time or datetime.now(UTC), **asdict(where)}

        def write() -> list[int]:
            with self._engine.begin() as connection:
                if not again and connection.execute(known).first() is not None:
                    return []
                made = connection.execute(
                    insert(DOCUMENTS).values(kind=kind, sha256=digest, content=packed)
                )
                number = _number(made)
                return [_added(connection, asdict(row) | common, number) for row in rows]

        with explained(self._url):
            return persistent(write)

    def runs(
        self, selection: Selection = EVERYTHING, *, limit: int | None = 50, offset: int = 0,
        order: str = "id", descending: bool = True,
    ) -> list[Run]:  # fmt: skip
        """Return runs, the newest first unless another field orders them; unknown figures last.

        Raises:
            UnknownName: there is no such field.
        """
        if order not in Run.__dataclass_fields__:
            raise UnknownName("field", order, Run.__dataclass_fields__)
        query = queries.ordered(queries.runs_of(selection), order, descending=descending)
        with self._reading() as connection:
            rows = connection.execute(query.limit(limit).offset(offset))
            return [queries.run_of(row) for row in rows]

    def run(self, number: int) -> Run:
        """Return a run by its number.

        Raises:
            OptionError: there is none.
        """
        query = queries.runs_of(EVERYTHING).where(RUNS.c.id == number)
        with self._reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise self._no_run(number)
        return queries.run_of(row)

    def document(self, number: int) -> bytes:
        """Return a run's document as JSON: what ``report.json`` or ``bench -o`` has.

        Raises:
            OptionError: there is no such run.
        """
        query = select(DOCUMENTS.c.content).join(RUNS, RUNS.c.document_id == DOCUMENTS.c.id)
        with self._reading() as connection:
            content = connection.execute(query.where(RUNS.c.id == number)).scalar_one_or_none()
        if content is None:
            raise self._no_run(number)
        try:
            return msgspec.json.format(zlib.decompress(content), indent=2) + b"\n"
        except (zlib.error, msgspec.DecodeError) as error:
            raise DestinationError(
                f"history {self.place}: the document of run {number} is damaged: {error}"
            ) from error

    def latest(self, selection: Selection, *, unlike: Sequence[str] = ()) -> Run | None:
        """Return the newest run of a selection.

        ``unlike`` holds what ``digest_of`` gives for documents that do not count.
        """
        query = queries.ordered(queries.runs_of(selection), "id", descending=True).limit(1)
        if unlike:
            query = query.where(RUNS.c.document.not_in(unlike))
        with self._reading() as connection:
            row = connection.execute(query).first()
        return queries.run_of(row) if row is not None else None

    def trends(
        self, metric: str, selection: Selection = EVERYTHING, *, limit: int = 200
    ) -> dict[Series, list[Point]]:
        """Return a figure over time for each series, the oldest first; at most ``limit`` of each.

        Raises:
            UnknownName: there is no such figure.
        """
        if metric not in METRICS:
            raise UnknownName("metric", metric, METRICS)
        with self._reading() as connection:
            rows = connection.execute(queries.trends_of(metric, selection))
            return queries.by_series(rows, limit)

    def values(self, field: str) -> list[str]:
        """Return what ``model``, ``target``, ``device`` or another field has been, in order."""
        with self._reading() as connection:
            return [str(value) for value in connection.execute(queries.values_of(field)).scalars()]

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        with explained(self._url), self._engine.connect() as connection:
            yield connection

    def _no_run(self, number: int) -> OptionError:
        return OptionError(f"no run {number} in {self.place}; `edgekit history` lists those kept")


def digest_of(document: Document) -> str:
    """Return the SHA-256 by which a history knows a document."""
    return sha256(_content(document)).hexdigest()


def _is_current(url: URL) -> bool:
    with _disposed(connect(url, writes=False)) as engine:
        return layout.check(engine, url)


@contextlib.contextmanager
def _disposed(engine: Engine) -> Iterator[Engine]:
    try:
        yield engine
    finally:
        engine.dispose()


def _added(connection: Connection, values: dict[str, object], document: int) -> int:
    texts = {name: queries.storable(name, value) for name, value in values.items()}
    made = connection.execute(insert(RUNS).values(document_id=document, **texts))
    return _number(made)


def _number(made: CursorResult[Any]) -> int:
    (number,) = made.inserted_primary_key or (0,)
    return int(number)


def _content(document: Document) -> bytes:
    from edgekit.report.plain import to_plain

    return msgspec.json.encode(to_plain(document))
