"""Places that cannot be used: one line, and what was made is not lost."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from kept_documents import a_report

import edgekit
from edgekit.cli import main
from edgekit.cli.recording import Recorder
from edgekit.devices import known_model
from edgekit.errors import BudgetMissed, DestinationError, MissingExtra, OptionError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "known.tflite"
    path.write_bytes(known_model.content())
    return path


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("", "expected a file or an SQLAlchemy URL"),
        ("a\0b", "expected a file or an SQLAlchemy URL"),
        ("://", "cannot be read"),
        ("sqlite://", "got a database in memory"),
        ("nosuch://host/db", "expected a database that SQLAlchemy knows"),
        ("postgresql+nosuch://host/db", "expected a database that SQLAlchemy knows"),
    ],
)
def test_what_is_no_place_is_said_in_one_line(place: str, said: str) -> None:
    with pytest.raises(OptionError, match=said) as caught:
        edgekit.open_history(place, writes=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere/runs.db", "", "file/runs.db"])
def test_a_place_that_cannot_be_written_is_said_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DestinationError, match="a folder that you may write to") as caught:
        edgekit.open_history(tmp_path / name, writes=True)
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'edgekit-ml[postgresql]'")
    with pytest.raises(DestinationError, match="see whether the database is there") as caught:
        edgekit.open_history("postgresql+psycopg://me:secret@127.0.0.1:1/db", writes=True)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"sqlalchemy is not installed.*edgekit-ml\[history\]"):
        edgekit.open_history(tmp_path / "runs.db", writes=True)


def _full_disk() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))


def test_a_full_disk_is_one_line_and_what_was_kept_stays(db: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from kept_documents import a_report;"
        "from edgekit.cli import main;from edgekit.cli.recording import Recorder;import click\n"
        "@click.command()\n"
        "def fill():\n"
        "    recorder = Recorder(sys.argv[1], None)\n"
        "    for _ in range(1000): recorder.finish([a_report()], missed=None, silent=True)\n"
        "main.add_command(fill); main.get_command = lambda c, n: fill; "
        "main.resolve_command = lambda c, a: ('fill', fill, [])\n"
        "main(['fill'])"
    )
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", code, str(db), here], preexec_fn=_full_disk, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"Error: history {db}: ")
    with edgekit.open_history(db) as history:
        runs = history.runs(limit=None)
        assert runs
        for run in runs:
            assert history.document(run.id)


def test_a_place_is_tried_before_anything_is_measured(file: Path, tmp_path: Path) -> None:
    place = tmp_path / "nowhere" / "runs.db"
    done = CliRunner().invoke(main, ["bench", str(file), "-d", "fake", "--history", str(place)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_became_read_only_is_told_before_too(
    file: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edgekit.open_history(db, writes=True).close()
    connect = sqlite3.connect

    def read_only(address: str, **options: Any) -> sqlite3.Connection:
        return connect(address.replace("mode=rwc", "mode=ro"), **options)

    monkeypatch.setattr(sqlite3, "connect", read_only)  # root may write to every file
    done = CliRunner().invoke(main, ["bench", str(file), "-d", "fake", "--history", str(db)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "readonly" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_history_that_is_lost_meanwhile_does_not_take_the_result_along(
    db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = Recorder(str(db), None)
    db.write_bytes(b"overwritten" * 100)
    with pytest.raises(DestinationError, match="not a database"):
        recorder.finish([a_report()], missed=None, silent=False)
    with pytest.raises(BudgetMissed):  # its exit code stays; the other is told before
        recorder.finish([a_report()], missed=BudgetMissed("9 ms"), silent=False)
    assert "not a database" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_history_in_a_sealed_folder_can_be_read(db: Path) -> None:
    with edgekit.open_history(db, writes=True) as history:
        history.record(a_report())
    db.parent.chmod(0o500)
    db.chmod(0o400)
    try:
        with edgekit.open_history(db) as history:
            assert len(history.runs()) == 1
        with pytest.raises(DestinationError):
            edgekit.open_history(db, writes=True).record(a_report())
    finally:
        db.parent.chmod(0o700)
