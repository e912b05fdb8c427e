"""What is to be done and what has been: a SQLite file, written as results arrive."""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import msgspec
from filelock import FileLock, Timeout

from edgekit.devices.figures import DeviceMeasurement
from edgekit.errors import DestinationError
from edgekit.farm.jobs import Job
from edgekit.report.plain import from_plain, to_plain

State = Literal["queued", "running", "done", "failed"]

_LAYOUT = 1
_OURS = 0x65646765  # "edge", by which SQLite files of ours are known
_TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, wanted INTEGER NOT NULL,
    state TEXT NOT NULL, place TEXT NOT NULL, file TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, device TEXT NOT NULL DEFAULT '',
    declaration TEXT NOT NULL DEFAULT '', error TEXT NOT NULL DEFAULT '', result BLOB
);
CREATE INDEX IF NOT EXISTS next_job ON jobs (wanted, state, place, number);
CREATE INDEX IF NOT EXISTS by_file ON jobs (wanted, file, number);
CREATE TABLE IF NOT EXISTS attempts (
    key TEXT NOT NULL, device TEXT NOT NULL, verdict TEXT NOT NULL, error TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS attempts_of ON attempts (key);
"""
_BATCH = 500
_ENDS = "EXISTS (SELECT 1 FROM json_each({}) WHERE jobs.file LIKE '%' || value)"


@dataclass(frozen=True, kw_only=True)
class Result:
    """Where a job stands. ``device`` is the one that did it, or tried last."""

    job: Job
    state: State
    attempts: int
    device: str
    error: str
    measurement: DeviceMeasurement | None


class Journal:
    """The jobs of one folder. One process writes; what a call has kept outlives the process.

    A machine that loses its power may lose the last moments, and nothing before them.
    What it holds in memory does not grow with the number of jobs.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: FileLock | None) -> None:
        self._path = path
        self._db = connection
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open, or begin, a journal to write to.

        Raises:
            DestinationError: another process writes it, it cannot be written, or is no journal.
        """
        lock = FileLock(_lock_of(path), blocking=False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise DestinationError(
                f"{path.parent}: another farm works here; wait for it, or choose another folder"
            ) from error
        except OSError as error:
            raise DestinationError(f"{path.parent}: cannot be written: {error.strerror}") from error
        try:
            return cls(path, _connected(path, writes=True), lock)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def read(cls, path: Path) -> Self:
        """Open a journal to read, also while a farm writes it.

        Raises:
            DestinationError: there is none.
        """
        if not path.is_file():
            raise DestinationError(
                f"{path.parent}: no farm has worked here (no {path.name}); "
                "give the folder of -o of `edgekit farm submit`"
            )
        return cls(path, _connected(path, writes=False), None)

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._db.close()
        if self._lock is not None:
            self._lock.release()

    def begin(self, jobs: Iterable[Job], declared: Mapping[str, str]) -> None:
        """Take up jobs: what was done stays done, what failed or was cut off is queued again.

        ``declared`` maps each device to what names its declaration: what was done by another one is
        queued again, too. Jobs of an earlier plan that this one lacks are left alone, and are no
        longer told of.
        """
        with self._change():
            self._db.execute("UPDATE jobs SET wanted = 0")
        jobs = iter(jobs)
        while batch := list(itertools.islice(jobs, _BATCH)):
            with self._change():
                self._db.executemany(
                    "INSERT INTO jobs (key, wanted, state, place, file)"
                    " VALUES (?, 1, 'queued', ?, ?)"
                    " ON CONFLICT (key) DO UPDATE SET wanted = 1, file = excluded.file",
                    [(job.key, job.place, job.file) for job in batch],
                )
        known = json.dumps([f"{name} {key}" for name, key in declared.items()])
        with self._change():
            self._db.execute(
                "UPDATE jobs SET state = 'queued', attempts = 0, error = '', device = '',"
                " result = NULL WHERE wanted AND (state != 'done' OR NOT EXISTS (SELECT 1 FROM"
                " json_each(?) WHERE value = jobs.device || ' ' || jobs.declaration))",
                (known,),
            )

    def take(
        self, device: str, places: Mapping[str, bool], without: Sequence[str] = ()
    ) -> Job | None:
        """Give a device its next job, or None: jobs for it alone first, then those of its pools.

        Args:
            device: Who asks.
            places: Whose jobs it takes: its own name and its pools, each with whether others take
                them as well. Then a job that this device tried last is left to the others.
            without: Ends of the names of files that it does not take.
        """
        own = {place: False for place in places if place == device}
        pools = {place: shared for place, shared in places.items() if place != device}
        row = self._next(device, own, without) or self._next(device, pools, without)
        if row is None:
            return None
        job = Job(key=row[0], place=row[1], file=row[2])
        self._set(job, "running", device=device)
        return job

    def done(self, job: Job, device: str, declaration: str, measurement: DeviceMeasurement) -> None:
        """Keep a result, and what names the declaration of the device that it is from."""
        with self._change():
            self._db.execute(
                "UPDATE jobs SET state = 'done', device = ?, declaration = ?, error = '',"
                " result = ?, attempts = attempts + 1 WHERE key = ?",
                (device, declaration, msgspec.json.encode(to_plain(measurement)), job.key),
            )

    def again(self, job: Job) -> None:
        """Queue a job again, as if it had not been tried."""
        self._set(job, "queued")

    def failed(self, job: Job, device: str, verdict: str, error: str, *, most: int) -> bool:
        """Note that a try failed; whether the job is tried again: ``most`` times in all."""
        with self._change():
            self._db.execute(
                "INSERT INTO attempts (key, device, verdict, error) VALUES (?, ?, ?, ?)",
                (job.key, device, verdict, error),
            )
            self._db.execute("UPDATE jobs SET attempts = attempts + 1 WHERE key = ?", (job.key,))
            (tried,) = self._db.execute(
                "SELECT attempts FROM jobs WHERE key = ?", (job.key,)
            ).fetchone()
        again = bool(tried < most)
        self._set(job, "queued" if again else "failed", device=device, error=error)
        return again

    def give_up(self, place: str, error: str, ends: Sequence[str] = ("",)) -> int:
        """Fail whatever is queued for a place; the reason stands behind what was tried.

        Only files whose names end so. Return how many jobs failed.
        """
        with self._change():
            given_up = self._db.execute(
                "UPDATE jobs SET state = 'failed', error = CASE error WHEN '' THEN ?1"
                " ELSE error || '; ' || ?1 END WHERE wanted AND state = 'queued' AND place = ?2"
                f" AND {_ENDS.format('?3')}",
                (error, place, json.dumps(list(ends))),
            )
        return given_up.rowcount

    def waiting(self, places: Iterable[str]) -> set[str]:
        """Return those of the places that jobs are queued for."""
        one = "SELECT 1 FROM jobs WHERE wanted = 1 AND state = 'queued' AND place = ? LIMIT 1"
        return {place for place in places if self._db.execute(one, (place,)).fetchone()}

    def queued(self) -> Iterator[tuple[str, str]]:
        """Yield place and file of each job that is queued."""
        rows = self._db.execute("SELECT place, file FROM jobs WHERE wanted AND state = 'queued'")
        return ((place, file) for place, file in rows)

    def is_written(self) -> bool:
        """Whether a process has it open to write."""
        if self._lock is not None:
            return True
        try:
            with FileLock(_lock_of(self._path), blocking=False):
                return False
        except (Timeout, OSError):
            return True

    def counts(self) -> Mapping[State, int]:
        """Return how many jobs stand where."""
        found = dict(
            self._db.execute("SELECT state, COUNT(*) FROM jobs WHERE wanted GROUP BY state")
        )
        states: tuple[State, ...] = ("queued", "running", "done", "failed")
        return {state: found.get(state, 0) for state in states}

    def files(self) -> Iterator[str]:
        """Yield each file once, in the order of the jobs."""
        rows = self._db.execute(
            "SELECT file FROM jobs WHERE wanted GROUP BY file ORDER BY MIN(number)"
        )
        return (file for (file,) in rows)

    def results(self, file: str | None = None, state: State | None = None) -> Iterator[Result]:
        """Yield where jobs stand, in their order: all, those of a file, or those in a state."""
        asked = {"file = ?": file, "state = ?": state}
        given = {clause: value for clause, value in asked.items() if value is not None}
        rows = self._db.execute(
            "SELECT key, place, file, state, attempts, device, error, result FROM jobs WHERE "
            + " AND ".join(["wanted = 1", *given]) + " ORDER BY number",
            tuple(given.values()),
        )  # fmt: skip
        for key, place, path, stands, attempts, device, error, result in rows:
            yield Result(
                job=Job(key=key, place=place, file=path), state=stands, attempts=attempts,
                device=device, error=error,
                measurement=_measurement(result, key),
            )  # fmt: skip

    def _next(
        self, device: str, places: Mapping[str, bool], without: Sequence[str]
    ) -> tuple[str, str, str] | None:
        found, ends = [], json.dumps(list(without))
        for place, shared in places.items():
            row = self._db.execute(
                "SELECT key, place, file, number FROM jobs WHERE wanted = 1 AND state = 'queued'"
                " AND place = ? AND (NOT ? OR device != ?)"
                f" AND NOT {_ENDS.format('?')} ORDER BY number LIMIT 1",
                (place, shared, device, ends),
            ).fetchone()
            found += [row] if row else []
        return min(found, key=lambda row: row[3])[:3] if found else None

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        """Make a change whole or not at all.

        Raises:
            DestinationError: the disk is full, or what holds the journal went away.
        """
        try:
            with self._db:
                yield
        except sqlite3.OperationalError as error:
            raise DestinationError(
                f"the journal cannot be written ({error}); what was kept stays: make room, and give"
                " the same command again"
            ) from error

    def _set(self, job: Job, state: State, *, device: str = "", error: str = "") -> None:
        with self._change():
            self._db.execute(
                "UPDATE jobs SET state = ?, device = ?, error = ? WHERE key = ?",
                (state, device, error, job.key),
            )


def _lock_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _measurement(result: bytes | None, key: str) -> DeviceMeasurement | None:
    if result is None:
        return None
    return from_plain(msgspec.json.decode(result), DeviceMeasurement, where=f"job {key}")


def _connected(path: Path, *, writes: bool) -> sqlite3.Connection:
    place = path.resolve().as_uri() + ("" if writes else "?mode=ro")
    with contextlib.ExitStack() as stack:
        try:
            connection = sqlite3.connect(place, timeout=30.0, uri=True)
            stack.callback(connection.close)
            _refuse_other(connection, path, may_be_new=writes)
            if writes:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.executescript(_TABLES)
                connection.execute(f"PRAGMA application_id = {_OURS}")
                connection.execute(f"PRAGMA user_version = {_LAYOUT}")
        except sqlite3.OperationalError as error:
            raise DestinationError(f"{path}: cannot be opened or written: {error}") from error
        except sqlite3.DatabaseError as error:
            raise DestinationError(
                f"{path}: not a journal of edgekit, or damaged ({error}); choose another folder"
            ) from error
        stack.pop_all()
    return connection


def _refuse_other(connection: sqlite3.Connection, path: Path, *, may_be_new: bool) -> None:
    def told(question: str) -> int:
        return int(connection.execute(question).fetchone()[0])

    empty = told("SELECT COUNT(*) FROM sqlite_master") == 0
    ours = told("PRAGMA application_id") == _OURS
    if not ours and not (empty and may_be_new):
        raise DestinationError(f"{path}: not a journal of edgekit; choose another folder")
    if ours and told("PRAGMA user_version") != _LAYOUT:
        raise DestinationError(
            f"{path}: a journal of another version of edgekit; choose another folder"
        )
