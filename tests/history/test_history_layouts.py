"""Histories of other versions: an older one is migrated, a newer one refused."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

import edgekit
from edgekit.errors import DestinationError
from edgekit.history import layout
from edgekit.history.connection import connect, url_of
from edgekit.history.tables import LAYOUT, LAYOUT_TABLE, METADATA

OLD = Path(__file__).with_name("layout-0001.sql").read_text(encoding="utf-8")


@pytest.fixture
def old(db: Path) -> Path:
    """Return a history that the first layout was made for."""
    with contextlib.closing(sqlite3.connect(db)) as connection:
        connection.executescript(OLD)
    return db


@contextlib.contextmanager
def directly(place: str) -> Iterator[Connection]:
    engine = connect(url_of(place), writes=True)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def test_an_old_history_is_read_and_what_it_lacked_is_filled_in(old: Path) -> None:
    with contextlib.closing(sqlite3.connect(old)) as connection:
        kept = connection.execute("SELECT content FROM edgekit_documents ORDER BY id").fetchall()
    documents = [json.loads(zlib.decompress(content)) for (content,) in kept]
    with edgekit.open_history(old) as history:
        runs = history.runs(descending=False)
        assert json.loads(history.document(1)) == documents[0]
        assert json.loads(history.document(3)) in documents
    bases = [(run.model, run.device, run.latency_basis) for run in runs]
    assert bases == [
        ("resnet8", "host", "measured"),
        ("kws", "host", "measured"),
        ("kws", "raspberry-pi-4", "modelled"),
        ("kws", "pixel", None),
        ("old", "host", "measured"),
    ]
    assert [run.verdict for run in runs] == ["pass", "pass", "fail", "fail", "fail"]
    assert runs[0].latency_ms == pytest.approx(0.46)
    for run, document in zip((runs[0], runs[-1]), (documents[0], documents[-1]), strict=True):
        told, taken = document["evaluation"], document["latency"]["artifact"]
        assert (run.accuracy_drop_pp, run.drop_unit) == (told["drop_pp"], "pp")
        assert run.model_memory_mib == pytest.approx(taken["model_memory_mib"])
    (bench,) = (one for one in documents if "measurements" in one)
    for run, measured in zip(runs[1:3], bench["measurements"], strict=True):
        memory = measured["memory"]
        assert run.peak_memory_mib == pytest.approx(memory["peak_kib"] / 1024)
        assert (run.ram_kib, run.arena_kib) == (memory["ram_kib"], memory["arena_kib"])


def test_a_copy_of_the_old_file_stays_beside_it(old: Path) -> None:
    edgekit.open_history(old, writes=True).close()
    copy = old.with_name(f"{old.name}.layout-0001.bak")
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        assert "\n".join(connection.iterdump()) + "\n" == OLD
    assert sorted(path.name for path in old.parent.iterdir()) == [old.name, copy.name]


def test_several_that_open_an_old_history_at_once_migrate_it_once(old: Path) -> None:
    def look(_: int) -> int:
        with edgekit.open_history(old, writes=True) as history:
            return len(history.runs())

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(look, range(16))) == [5] * 16


def test_a_failure_halfway_leaves_the_old_history(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = layout._upgrade

    def cut_off(connection: object) -> None:
        upgrade(connection)
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(layout, "_upgrade", cut_off)
        with pytest.raises(DestinationError, match="free some room"):
            edgekit.open_history(old)
    with contextlib.closing(sqlite3.connect(old)) as connection:
        assert "\n".join(connection.iterdump()) + "\n" == OLD
    with edgekit.open_history(old) as history:
        assert len(history.runs()) == 5


@pytest.mark.parametrize("writes", [True, False])
def test_a_newer_history_is_refused_in_one_line(place: str, writes: bool) -> None:
    edgekit.open_history(place, writes=True).close()
    with directly(place) as connection:
        connection.exec_driver_sql(f"UPDATE {LAYOUT_TABLE} SET version_num = '9999'")
    with pytest.raises(DestinationError, match=r"newer edgekit made it \(layout 9999.*update"):
        edgekit.open_history(place, writes=writes)


def test_the_steps_end_in_the_tables_that_the_code_knows(place: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(layout._STEPS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == LAYOUT
    edgekit.open_history(place, writes=True).close()
    with directly(place) as connection:
        context = MigrationContext.configure(connection, opts={"version_table": LAYOUT_TABLE})
        assert compare_metadata(context, METADATA) == []
        made = {i["name"] for i in inspect(connection).get_indexes("edgekit_runs")}
    assert made == {index.name for index in METADATA.tables["edgekit_runs"].indexes}


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"x" * 90])
def test_a_file_that_is_no_database_is_refused_and_stays(db: Path, content: bytes) -> None:
    db.write_bytes(content)
    for writes in (True, False):
        with pytest.raises(DestinationError, match=r"history .*: .*(not a database|disk image)"):
            edgekit.open_history(db, writes=writes)
    assert db.read_bytes() == content


def test_tables_of_others_in_the_same_database_stay(place: str) -> None:
    with directly(place) as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('theirs')")
    edgekit.open_history(place, writes=True).close()
    with directly(place) as connection:
        assert connection.exec_driver_sql("SELECT * FROM alembic_version").all() == [("theirs",)]
