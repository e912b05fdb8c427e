"""``edgekit history``, and ``--history`` of the commands that make documents."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from kept_documents import EVIL, a_benchmark, a_report

import edgekit
from edgekit.cli import main
from edgekit.devices import known_model
from edgekit.history import Origin, origin_here
from edgekit.report.documents import written

NOW = datetime.now(UTC)


@pytest.fixture
def filled(db: Path) -> Path:
    with edgekit.open_history(db, writes=True) as history:
        for day in range(5):
            report = a_report(scale=1 + day, passes=day != 3)
            history.record(report, Origin(host="ci-1"), time=NOW - timedelta(days=4 - day))
        history.record(a_report(EVIL), time=NOW)
        history.record(a_benchmark(), time=NOW)
    return db


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, [str(one) for one in ("history", *arguments)])
    return done.exit_code, done.stdout, done.stderr


def numbers(*arguments: object) -> list[int]:
    code, said, _ = run("--json", *arguments)
    assert code == 0
    return [one["id"] for one in json.loads(said)["runs"]]


def test_the_list_fits_80_columns_and_no_name_commands_the_terminal(filled: Path) -> None:
    code, said, wrong = run("--history", filled)
    assert (code, wrong) == (0, "")
    assert max(map(len, said.splitlines())) <= 80
    assert "\x1b" not in said
    assert "resnet8" in said
    assert "0.40" in said


def test_filters_choose_runs(filled: Path) -> None:
    where = ("--history", filled)
    assert numbers(*where) == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert numbers(*where, "--model", "resnet8", "--verdict", "pass") == [5, 3, 2, 1]
    assert numbers(*where, "--device", "raspberry-pi-4") == [8]
    assert numbers(*where, "--target", "tflite") == [9, 8, 7]
    assert numbers(*where, "--since", "36h", "--model", "resnet8") == [5, 4]
    assert numbers(*where, "--since", (NOW - timedelta(days=2.5)).isoformat(), "--limit", 1) == [9]
    assert numbers(*where, "--kind", "benchmark", "--limit", "2") == [9, 8]
    code, said, _ = run(*where, "--model", "none")
    assert code == 0
    assert "no such run" in said


def test_the_environment_says_where_too(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_HISTORY", str(filled))
    assert len(numbers()) == 9
    assert "run 1" in run("show", 1)[1]


def test_nowhere_is_a_usage_error() -> None:
    code, said, wrong = run()
    assert (code, said) == (2, "")
    assert "Missing option '--history' (or set EDGEKIT_HISTORY)" in wrong


def test_one_run_is_shown_with_what_it_missed(filled: Path) -> None:
    code, said, _ = run("show", 4, "--history", filled)
    assert code == 0
    assert max(map(len, said.splitlines())) <= 80
    assert "missed budget: latency_ms is 9, expected at most 1" in said
    assert "ci-1" in said
    assert "failed: pixel" in run("show", 9, "--history", filled)[1]
    shown = json.loads(run("--json", "show", 4, "--history", filled)[1])["run"]
    assert (shown["verdict"], shown["latency_basis"]) == ("fail", "measured")


def test_a_run_that_is_not_there_is_one_line(filled: Path) -> None:
    code, said, wrong = run("show", 99, "--history", filled)
    assert (code, said, len(wrong.splitlines())) == (1, "", 1)


def test_trends_are_plotted_apart(filled: Path) -> None:
    code, said, _ = run("trend", "--history", filled, "--model", "resnet8")
    assert code == 0
    assert max(map(len, said.splitlines())) <= 80
    assert "latency: 0.46 to 2.3 ms, +400.0 %, 5 runs" in said
    assert "⠤" in said or "⠒" in said or "⠊" in said  # a line of dots
    # What stands before the command holds for it, too.
    told = json.loads(run("--history", filled, "--device", "raspberry-pi-4", "trend", "--metric",
                          "instructions", "--json")[1])["trends"]  # fmt: skip
    assert [[p["value"] for p in one["points"]] for one in told] == [[75751]]
    assert "no run with cycles" in run("trend", "--metric", "cycles", "--history", filled)[1]


def test_a_document_is_exported_and_added_again(filled: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    code, _, _ = run("export", 2, "--history", filled, "-o", path)
    assert (code, path.read_bytes()) == (0, written(a_report(scale=2)))
    assert run("export", 2, "--history", filled)[1].encode() == path.read_bytes()
    os.utime(path, (1.7e9, 1.7e9))
    other = tmp_path / "other.db"
    assert "run 1" in run("add", path, "--history", other)[1]
    assert "there already" in run("add", path, "--history", other)[1]
    said = json.loads(run("add", path, "--history", other, "--json")[1])
    assert said == {"schema": 1, "added": [{"file": str(path), "runs": []}]}
    with edgekit.open_history(other) as history:
        (kept,) = history.runs()
    assert kept.time == datetime.fromtimestamp(1.7e9, UTC)
    assert (kept.host, kept.commit) == (None, None)


def test_nothing_is_added_if_one_file_cannot_be_read(tmp_path: Path, db: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(written(a_report()))
    bad.write_bytes(b"{}")
    code, said, wrong = run("add", good, bad, "--history", db)
    assert (code, said, len(wrong.splitlines())) == (1, "", 1)
    assert not db.exists()


@pytest.mark.parametrize("when", ["yesterday", "", "7y", "9999999999w", "2026-13-01"])
def test_a_time_that_is_none_is_a_usage_error(filled: Path, when: str) -> None:
    code, _, wrong = run("--history", filled, "--since", when)
    assert (code, "expected such as 2026-11-30" in wrong) == (2, True)


def test_a_benchmark_is_kept_whatever_its_verdict(tmp_path: Path, db: Path) -> None:
    file = tmp_path / "known.tflite"
    file.write_bytes(known_model.content())
    command = ["bench", str(file), "-d", "fake", "-q", "--history", str(db)]
    done = CliRunner().invoke(main, [*command, "--json"])
    assert (done.exit_code, done.stderr) == (0, "")
    done = CliRunner().invoke(main, [*command, "--budget", "size_kib=0"])
    assert done.exit_code == 3
    assert f"kept run 2 in {db}" in done.stdout
    with edgekit.open_history(db) as history:
        assert [one.verdict for one in history.runs()] == ["fail", "pass"]
        assert {one.host for one in history.runs()} == {origin_here().host}


@pytest.mark.slow
def test_a_conversion_is_kept_with_each_target(tmp_path: Path, db: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="dense")], name="tiny")
    model.save(tmp_path / "tiny.keras")
    command = ["convert", str(tmp_path / "tiny.keras"), "-t", "tflite-fp32", "-t", "tflite-fp16",
               "-o", str(tmp_path / "out"), "--no-measure", "--no-cache", "-q"]  # fmt: skip
    done = CliRunner().invoke(main, command, env={"EDGEKIT_HISTORY": str(db)})
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"kept runs 1, 2 in {db}" in done.stdout
    with edgekit.open_history(db) as history:
        runs = history.runs(descending=False)
        assert [(one.model, one.target) for one in runs] == [
            ("tiny", "tflite-fp32"), ("tiny", "tflite-fp16")
        ]  # fmt: skip
        wrote = tmp_path / "out" / "tiny" / "tflite-fp32" / "report.json"
        assert history.document(1) == wrote.read_bytes()


def test_commit_and_branch_are_those_of_the_checkout(tmp_path: Path) -> None:
    assert (origin_here(tmp_path).commit, origin_here(tmp_path).branch) == (None, None)
    told = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q", "-b", "topic/1"],
                    [*told, "commit", "-q", "--allow-empty", "-m", "one"]):  # fmt: skip
        subprocess.run(["git", *command], cwd=tmp_path, check=True, timeout=60)
    found = origin_here(tmp_path)
    assert (len(found.commit or ""), found.branch) == (40, "topic/1")
    subprocess.run(["git", "checkout", "-q", "--detach"], cwd=tmp_path, check=True, timeout=60)
    assert origin_here(tmp_path).branch is None


def test_a_job_of_ci_says_its_branch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test_commit_and_branch_are_those_of_the_checkout(tmp_path)
    monkeypatch.setenv("GITHUB_REF_NAME", "main")
    assert origin_here(tmp_path).branch == "main"


def test_pages_are_served_until_ctrl_c(filled: Path) -> None:
    command = [sys.executable, "-m", "edgekit", "history", "serve", "--port", "0"]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "EDGEKIT_HISTORY": str(filled), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert server.stdout is not None
    told = server.stdout.readline()
    try:
        (address,) = re.findall(r"http://127\.0\.0\.1:\d+/", told)
        with urllib.request.urlopen(f"{address}run/1", timeout=60) as page:
            assert b"resnet8" in page.read()
    finally:
        server.send_signal(signal.SIGINT)
        _, wrong = server.communicate(timeout=60)
    assert (server.returncode, wrong) == (0, "")


def test_a_port_that_is_taken_is_one_line(filled: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said, wrong = run("serve", "--port", port, "--history", filled)
    assert (code, said, len(wrong.splitlines())) == (1, "", 1)
    assert f"cannot listen on 127.0.0.1 port {port}" in wrong


def test_edgekit_itself_imports_no_database() -> None:
    code = (
        "import sys, edgekit, edgekit.history, edgekit.cli.convert, edgekit.cli.history\n"
        "print(sorted({'sqlalchemy', 'alembic', 'mlflow', 'jinja2', 'tensorflow'} "
        "& set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
