"""A history as what a gate and a comparison measure against."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kept_documents import a_benchmark, a_report

import edgekit
from edgekit.cli import main
from edgekit.comparing.of_history import history_subject
from edgekit.comparing.read import read_subject
from edgekit.errors import ArtifactError, DestinationError, OptionError
from edgekit.gating import Defaults, Policy, Rule
from edgekit.history import Origin, origin_here
from edgekit.report.documents import written
from edgekit.report.model import Report

WORSE = Policy(rules=(Rule(metric="parity_sqnr_db", max_regression=0.5),))
WORK = Policy(rules=(Rule(metric="instructions", max_regression=0),))


def kept(place: str, *runs: tuple[Any, str | None]) -> None:
    with edgekit.open_history(place, writes=True) as history:
        for document, branch in runs:
            history.record(document, Origin(branch=branch))


def outcomes(found: Any) -> list[tuple[str, float | None]]:
    return [(check.outcome, check.baseline) for check in found.checks]


def scored(sqnr_db: float, model: str = "resnet8", **more: Any) -> Report:
    return replace(a_report(model, **more), parity_sqnr_db=sqnr_db)


def counted(number: int, *, file: str = "kws.tflite", sha256: str = "aa" * 32) -> Any:
    """Return a benchmark of one file on one board that passes."""
    board = a_benchmark(file).measurements[1]
    counts = replace(board.counts, instructions=number)  # type: ignore[type-var]
    return replace(a_benchmark(file), measurements=(replace(board, counts=counts, sha256=sha256),),
                   failures=(), budget={})  # fmt: skip


def test_the_latest_passing_run_is_the_baseline_and_never_the_report_itself(place: str) -> None:
    now = scored(30)
    kept(place, (scored(40), "main"), (scored(30.5), "topic"),
         (scored(50, passes=False), "main"), (now, "main"))  # fmt: skip
    alike = edgekit.gate(now, WORSE, baseline=f"history:{place}")
    assert outcomes(alike) == [("kept", 30.5)]
    found = edgekit.gate(now, WORSE, baseline=f"history:{place}?branch=main")
    assert outcomes(found) == [("missed", 40)]
    assert found.exit_code == 3
    assert found.baseline is not None
    assert found.baseline.endswith(", branch main")


@pytest.mark.parametrize(("means", "code"), [("fail", 3), ("undecided", 4), ("warn", 0)])
def test_an_empty_history_is_what_the_rule_makes_of_no_baseline(
    place: str, means: Any, code: int
) -> None:
    kept(place)
    rules = replace(WORSE, defaults=Defaults(no_baseline=means))
    found = edgekit.gate(a_report(), rules, baseline=f"history:{place}")
    assert (found.exit_code, outcomes(found)) == (code, [("no baseline", None)])


def test_files_are_found_again_wherever_they_lie(place: str) -> None:
    kept(place, (counted(100, file="old/kws/tflite-int8/model.tflite"), None),
         (counted(50, file="old/other/tflite-int8/model.tflite"), None))  # fmt: skip
    now = counted(101, file="a/new/kws/tflite-int8/model.tflite", sha256="bb" * 32)
    found = edgekit.gate(now, WORK, baseline=f"history:{place}")
    assert outcomes(found) == [("missed", 100)]


def test_a_file_is_known_by_the_report_beside_it(place: str, tmp_path: Path) -> None:
    report = a_report("kws", "tflite-int8")
    sha256 = report.artifact.sha256
    for folder, number in (("old", 100), ("new", 101)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "report.json").write_bytes(written(report))
        document = counted(number, file=str(tmp_path / folder / "net.tflite"), sha256=sha256)
        if folder == "old":
            kept(place, (document, None))
    found = edgekit.gate(document, WORK, baseline=f"history:{place}")
    assert outcomes(found) == [("missed", 100)]
    assert (found.checks[0].model, found.checks[0].target) == ("kws", "tflite-int8")


def test_a_pattern_chooses_files_whose_baseline_is_asked_for(db: Path, tmp_path: Path) -> None:
    old = counted(100, file="main/kws/tflite-int8/model.tflite")
    new = counted(101, file="out/kws/tflite-int8/model.tflite")
    both = replace(old, measurements=(*old.measurements, *new.measurements))
    kept(str(db), (counted(99), None), (old, None))
    path = tmp_path / "timing.json"
    path.write_bytes(written(both))
    found = edgekit.gate(f"{path}#out/*", WORK, baseline=f"history:{db}")
    assert outcomes(found) == [("missed", 100)]


def test_a_farm_that_was_gone_on_with_is_not_its_own_baseline(
    db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first document holds what the second one holds, too; both are kept from one commit."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x"]
    subprocess.run([*git, "init", "-q", "-b", "main", str(tmp_path / "co")], check=True)
    monkeypatch.chdir(tmp_path / "co")
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    here = origin_here()
    first = counted(101)
    lost = a_benchmark().failures
    second = replace(counted(101), measurements=(*first.measurements, *counted(5, file="b.tflite")
                                                 .measurements))  # fmt: skip
    with edgekit.open_history(db, writes=True) as history:
        history.record(counted(100), Origin(commit="0" * 40))
        history.record(replace(first, failures=lost), here)
        history.record(second, here)
    found = edgekit.gate(second, WORK, baseline=f"history:{db}")
    assert outcomes(found) == [("missed", 100), ("no baseline", None)]
    with edgekit.open_history(db, writes=True) as history:
        history.record(replace(first, failures=lost), Origin(commit="1" * 40))
    found = edgekit.gate(second, WORK, baseline=f"history:{db}")
    assert outcomes(found)[0] == ("kept", 101)  # of another commit: the same, measured again


def test_a_comparison_with_a_history(place: str, tmp_path: Path) -> None:
    kept(place, (scored(40), "main"), (scored(41, "another"), None))
    reports = [tmp_path / "a.json", tmp_path / "b.json"]
    reports[0].write_bytes(written(scored(30)))
    reports[1].write_bytes(written(scored(30, "another")))
    found = edgekit.compare(f"history:{place}", *reports)
    told = [one for one in found.differences if one.metric == "parity_sqnr_db"]
    assert [(one.before, one.verdict) for one in told] == [(40, "worse"), (41, "worse")]
    none = edgekit.compare(f"history:{place}?branch=main", reports[1])
    assert none.differences == ()
    assert none.after[0].unmatched == (
        f"only in {reports[1]}: another, tflite-int8, host",
    )  # fmt: skip


def gate(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["gate", *map(str, arguments)])


def test_the_command_says_what_it_is_held_against(db: Path, tmp_path: Path) -> None:
    kept(str(db), (scored(40), "a/b?c&d"))
    report, policy = tmp_path / "report.json", tmp_path / "p.toml"
    report.write_bytes(written(scored(30)))
    policy.write_text('schema = 1\n[[rules]]\nmetric = "parity_sqnr_db"\nmax_regression = 1\n')
    told = gate(report, "--policy", policy, "--json", "--baseline", f"history:{db}?branch=a/b?c&d")
    assert told.exit_code == 3, told.output
    assert json.loads(told.stdout)["baseline"] == f"history:{db}, branch a/b?c&d"
    none = gate(report, "--policy", policy, "--baseline", f"history:{db}?branch=main")
    assert (none.exit_code, "no baseline" in none.stdout) == (0, True)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [("history:", OptionError, "expected a file or an SQLAlchemy URL"),
     ("history:{}?branch=", OptionError, r"expected \?branch=NAME"),
     ("history:nowhere.db", DestinationError, "no such file"),
     ("history:postgresql+psycopg://u:secret@127.0.0.1:9/x?a=b&branch=main", DestinationError,
      r"u:\*\*\*@")],
)  # fmt: skip
def test_a_history_that_is_none_is_an_error(db: Path, given: str, error: Any, words: str) -> None:
    kept(str(db))
    if "psycopg" in given:
        pytest.importorskip("psycopg")
    with pytest.raises(error, match=words) as told:
        edgekit.gate(a_report(), WORSE, baseline=given.format(db))
    assert "secret" not in str(told.value)


def test_a_history_is_only_what_others_are_compared_with(db: Path) -> None:
    kept(str(db))
    with pytest.raises(OptionError, match="is what others are compared with"):
        edgekit.compare(a_report(), f"history:{db}")
    with pytest.raises(OptionError, match="is what others are compared with"):
        edgekit.gate(f"history:{db}", WORSE)


def test_a_history_tells_nothing_of_a_file_alone(db: Path) -> None:
    kept(str(db))
    file_alone = replace(read_subject(a_report()), sources=())
    with pytest.raises(ArtifactError, match="tells nothing of a file alone"):
        history_subject(f"history:{db}", file_alone)


def test_the_url_of_a_branch_leaves_the_rest_of_the_query(postgres: str) -> None:
    kept(postgres, (scored(40), "main"))
    url = f"{postgres}?application_name=gate&branch=main"
    found = edgekit.gate(scored(30), WORSE, baseline=f"history:{url}")
    assert outcomes(found) == [("missed", 40)]
