"""Runs in an MLflow store here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from kept_documents import EVIL, a_benchmark, a_report

from edgekit.cli import main
from edgekit.devices import known_model
from edgekit.errors import DestinationError, OptionError
from edgekit.history import Origin
from edgekit.history.tracking import Tracking
from edgekit.report.documents import written

pytest.importorskip("mlflow", reason="needs MLflow: pip install 'edgekit-ml[mlflow]'")
pytestmark = [
    pytest.mark.slow,
    # Of MLflow's own tables, and of its plans for the store in files.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the tables once: it takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    Tracking.open(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "files"])
def uri(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    monkeypatch.chdir(tmp_path)  # MLflow puts artifacts into the working folder
    if request.param == "files":
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        yield (tmp_path / "store").as_uri()
        return
    empty = request.getfixturevalue("empty_store")
    path = tmp_path / "mlflow.db"
    with sqlite3.connect(empty) as source, sqlite3.connect(path) as target:
        source.backup(target)
    source.close()
    target.close()
    yield f"sqlite:///{path}"


def logged(uri: str, experiment: str = "edgekit") -> list[Any]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return list(client.search_runs([found.experiment_id], order_by=["attributes.start_time ASC"]))


def test_a_report_becomes_a_run_with_its_files(uri: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "model.tflite").write_bytes(b"model")
    (folder / "report.json").write_bytes(written(a_report()))
    origin = Origin(host="ci-1", commit="01" * 20, branch="main")
    (number,) = Tracking.open(uri).log(a_report(), origin, folder)
    (run,) = logged(uri)
    assert (run.info.run_id, run.info.status) == (number, "FINISHED")
    assert run.data.metrics["latency_ms"] == pytest.approx(0.46)
    assert run.data.metrics["score"] == 0.868
    assert (run.data.params["model"], run.data.params["option.seed"]) == ("resnet8", "0")
    assert run.data.tags["edgekit.verdict"] == "pass"
    assert run.data.tags["mlflow.source.git.commit"] == "01" * 20
    place = Path(run.info.artifact_uri.removeprefix("file://"))
    assert {path.name: path.read_bytes() for path in place.iterdir()} == {
        "model.tflite": b"model", "report.json": written(a_report())
    }  # fmt: skip


def test_a_benchmark_becomes_a_run_for_each_device(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "boards")
    assert len(Tracking.open(uri).log(a_benchmark(), Origin())) == 3
    runs = logged(uri, "boards")
    assert [run.data.tags["edgekit.verdict"] for run in runs] == ["pass", "fail", "fail"]
    assert runs[1].data.metrics["instructions"] == 75751
    place = Path(runs[1].info.artifact_uri.removeprefix("file://"))
    assert (place / "benchmark.json").read_bytes() == written(a_benchmark())


def test_hostile_names_are_logged_or_refused_in_one_line(uri: str) -> None:
    (number,) = Tracking.open(uri).log(a_report(EVIL), Origin(branch=EVIL))
    assert [run.info.run_id for run in logged(uri)] == [number]


def test_commands_log_too_and_say_so(uri: str, tmp_path: Path) -> None:
    file = tmp_path / "known.tflite"
    file.write_bytes(known_model.content())
    done = CliRunner().invoke(main, ["bench", str(file), "-d", "fake", "-q", "--mlflow", uri])
    assert (done.exit_code, done.stderr) == (0, "")
    (run,) = logged(uri)
    assert f"logged {run.info.run_id} to MLflow" in done.stdout
    assert run.data.params["device"] == "fake"


@pytest.mark.parametrize(
    "uri",
    ["http://me:secret@127.0.0.1:1", "sqlite:////proc/nothing/there.db", "nosuch://place/secret",
     "", "file:///proc/nothing/there"],
)  # fmt: skip
def test_a_store_that_cannot_be_used_is_one_line_before_anything_runs(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    with pytest.raises((DestinationError, OptionError), match="MLflow") as caught:
        Tracking.open(uri)
    assert "\n" not in str(caught.value)
    assert "me:secret" not in str(caught.value)
