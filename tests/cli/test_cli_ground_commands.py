from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgekit import catalog, manifest
from edgekit.cache import Cache, key
from edgekit.cli import main
from edgekit.doctor import Package
from edgekit.manifest import Manifest, Source
from edgekit.target import Target


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EDGEKIT_CACHE_LIMIT_GIB", raising=False)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="edgekit")


def document(*arguments: object, code: int = 0) -> dict:
    result = run(*arguments)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_targets_are_a_table_that_fits() -> None:
    result = run("targets")
    heading, *rows = result.stdout.splitlines()
    assert heading.split() == ["target", "weights", "activations", "io", "calibration", "extra"]
    assert [row.split()[0] for row in rows] == catalog.names("targets")
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_targets_as_json() -> None:
    found = document("targets", "--json")
    assert [target["name"] for target in found["targets"]] == catalog.names("targets")
    assert found["schema"] == 1


@pytest.mark.parametrize("name", catalog.names("targets"))
def test_every_target_is_shown_in_words(name: str) -> None:
    result = run("targets", "show", name)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == name
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert document("targets", "show", name, "--json")["target"]["name"] == name


def test_a_target_of_ones_own_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    text = catalog.locate("targets", "tflite-int8").read_text()
    path.write_text(f"{text}\n[budget]\nlatency_ms = 2.5\nsqnr_db = 20\n")
    output = run("targets", "show", path).stdout
    assert "latency: at most 2.5 ms." in output
    assert "SQNR: at least 20 dB." in output


def test_an_unknown_target_is_one_line() -> None:
    result = run("targets", "show", "tflite-in8")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: no target 'tflite-in8'; did you mean 'tflite-int8'?")
    assert result.stderr.count("\n") == 1


def fill(folder: Path) -> None:
    (folder / "file").write_bytes(b"x" * 2**20)


def test_the_cache_is_shown_and_pruned(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    for stage in ("trace", "trace-float", "trace"):
        cache.put(key(stage, n=len(cache.entries())), fill)
    shown = document("cache", "--json")
    assert shown["root"] == str(tmp_path / "cache")
    assert shown["limit_bytes"] == 5 * 2**30
    assert shown["stages"] == [
        {"entries": 2, "size_bytes": 2**21, "stage": "trace"},
        {"entries": 1, "size_bytes": 2**20, "stage": "trace-float"},
    ]
    assert "total        3        3.0 MiB" in run("cache").stdout
    assert document("cache", "prune", "--json")["dropped"] == []
    assert document("cache", "prune", "--older-than", "1", "--json")["dropped"] == []
    assert run("cache", "prune", "--all").stdout == "dropped 0 entries, 0.0 MiB\n"  # it lives
    cache.holds.let_go()
    assert run("cache", "prune", "--all").stdout == "dropped 3 entries, 3.0 MiB\n"
    assert document("cache", "--json")["stages"] == []


@pytest.mark.parametrize(
    "options", [["--all", "--older-than", "1"], ["--older-than", "-1"], ["--older-than", "inf"]]
)
def test_wrong_pruning_is_a_usage_error(options: list[str]) -> None:
    assert run("cache", "prune", *options).exit_code == 2


def test_a_wrong_limit_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE_LIMIT_GIB", "lots")
    result = run("cache")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "expected GiB as a number from 0, got 'lots'" in result.stderr


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return a folder with one file and its manifest."""
    (tmp_path / "model.tflite").write_bytes(b"model")
    described = Manifest(
        edgekit="0",
        source=Source(name="m", sha256="0" * 64),
        target=Target.load("tflite-int8"),
        seed=0,
        files=manifest.describe(tmp_path, ["model.tflite"]),
    )
    manifest.write(described, tmp_path / "manifest.json")
    return tmp_path


def test_files_that_are_as_described(made: Path) -> None:
    for place in (made, made / "manifest.json"):
        result = run("verify", place)
        assert (result.exit_code, result.stdout) == (0, f"{place}: 1 file is as described\n")
    assert document("verify", made, "--json")["verified"] is True


def test_files_that_are_not(made: Path) -> None:
    (made / "model.tflite").write_bytes(b"other")
    result = run("verify", made)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith(f"Error: {made}: model.tflite: expected SHA-256")
    found = document("verify", made, "--json", code=3)
    assert found["verified"] is False
    assert len(found["differences"]) == 1


def test_a_manifest_that_cannot_be_used(tmp_path: Path) -> None:
    result = run("verify", tmp_path / "none.json")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)


def test_the_doctor_is_content_here() -> None:
    result = run("doctor")
    assert result.exit_code == 0
    assert "targets are possible here" in result.stdout
    found = document("doctor", "--json")
    assert found["healthy"] is True
    assert len(found["diagnosis"]["targets"]) == len(catalog.names("targets"))


def test_the_doctor_says_what_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Package(name="keras", needed_by="base", wanted="any", installed=None, state="missing")
    monkeypatch.setattr("edgekit.doctor._packages", lambda: [gone])
    result = run("doctor")
    assert result.exit_code == 1
    assert "To mend: base: keras is missing" in result.stdout
    assert document("doctor", "--json", code=1)["healthy"] is False
