"""The same command gives the same bytes; a manifest makes them again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekit import catalog, manifest

ARTIFACTS = ("model.tflite", "model.xml", "model.bin", "model.onnx")


@pytest.fixture
def artifacts(sha256) -> Callable[[Path], dict[str, str]]:
    """Return the digest of every artifact file below a folder."""

    def digests(out: Path) -> dict[str, str]:
        found = sorted(p for p in out.rglob("model.*") if p.name in ARTIFACTS)
        return {p.relative_to(out).as_posix(): sha256(p) for p in found}

    return digests


@pytest.mark.slow
def test_clean_processes_give_the_same_bytes(bench, here: Path, process, artifacts) -> None:
    """Every shipped target, under another hash seed, another folder and other threads."""
    targets = [word for name in catalog.names("targets") for word in ("-t", name)]
    words = ("convert", bench.model, *targets, "-c", bench.data, "--no-measure", "-q", "--no-cache")
    runs = [("1", "one"), ("2", "another/deeper")]
    for seed, out in runs:
        done = process(*words, "-o", out, PYTHONHASHSEED=seed)
        assert done.returncode == 0, done.stderr
    first, second = (artifacts(here / out) for _, out in runs)
    assert len(first) >= len(catalog.names("targets"))
    assert {name for name in first if first[name] != second.get(name)} == set()


@pytest.fixture
def made(bench, here: Path, edgekit) -> Path:
    """Return a folder with copies of model and data, and a result of them in ``out``."""
    shutil.copy(bench.model, here)
    shutil.copy(bench.data, here)
    words = ("convert", "tiny.keras", "-t", "tflite-int8", "-c", "data.npz", "--samples", "30")
    result = edgekit(*words, "--scale", "0.5", "--seed", "4", "--no-measure", "-q")
    assert result.exit_code == 0, result.output
    return here


def test_the_same_command_twice(made: Path, edgekit, artifacts) -> None:
    before = artifacts(made / "out")
    words = ("convert", "tiny.keras", "-t", "tflite-int8", "-c", "data.npz", "--samples", "30")
    options = ("--scale", "0.5", "--seed", "4", "--no-measure", "-q")
    assert edgekit(*words, *options, "--no-cache").exit_code == 0
    assert artifacts(made / "out") == before
    assert edgekit(*words, *options, "--samples", "12").exit_code == 0
    assert artifacts(made / "out") != before


def test_verify_finds_one_other_byte(made: Path, edgekit) -> None:
    folder = made / "out" / "tiny" / "tflite-int8"
    assert edgekit("verify", folder).exit_code == 0
    for name in ("model.tflite", "report.json", "report.md"):
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        changed = edgekit("verify", folder / "manifest.json")
        assert (changed.exit_code, changed.stdout) == (3, "")
        assert f"{name}: expected SHA-256" in changed.stderr


def test_a_manifest_makes_its_files_again(made: Path, edgekit, artifacts) -> None:
    folder = made / "out" / "tiny" / "tflite-int8"
    described = manifest.read(folder)
    assert described.source.origin == "tiny.keras"
    assert described.options["pictures"]["scale"] == 0.5
    result = edgekit("convert", "--from", folder, "-o", "again", "--no-cache", "-q")
    assert result.exit_code == 0, result.output
    assert artifacts(made / "again") == artifacts(made / "out")
    made_again = manifest.read(made / "again" / "tiny" / "tflite-int8")
    assert (made_again.options, made_again.target) == (described.options, described.target)


def test_a_manifest_finds_what_has_moved(made: Path, edgekit, artifacts) -> None:
    folder = made / "out" / "tiny" / "tflite-int8"
    (made / "elsewhere").mkdir()
    for name in ("tiny.keras", "data.npz"):
        (made / name).rename(made / "elsewhere" / name)
    lost = edgekit("convert", "--from", folder, "-q", "-o", "again")
    assert (lost.exit_code, lost.stderr.splitlines()[-1][:24]) == (1, "Error: tiny.keras: no su")
    words = ("elsewhere/tiny.keras", "-c", "elsewhere/data.npz", "-o", "again", "-q")
    assert edgekit("convert", *words, "--from", folder).exit_code == 0
    assert artifacts(made / "again") == artifacts(made / "out")


def test_a_manifest_refuses_another_model(made: Path, edgekit, tiny_model) -> None:
    folder = made / "out" / "tiny" / "tflite-int8"
    other = tiny_model()
    other.layers[-1].bias.assign([1.0, 2.0, 3.0])
    other.save(made / "tiny.keras")
    refused = edgekit("convert", "--from", folder, "-o", "again", "-q")
    assert refused.exit_code == 1
    assert "expected the model of the manifest (SHA-256" in refused.stderr
    assert not (made / "again").exists()


def test_a_manifest_says_when_data_have_changed(made: Path, edgekit, tiny_data) -> None:
    folder = made / "out" / "tiny" / "tflite-int8"
    x, y = tiny_data()
    np.savez(made / "data.npz", image=x * 3, y=y)
    result = edgekit("convert", "--from", folder, "-o", "again", "-q")
    assert result.exit_code == 3
    assert "model.tflite is not as the manifest says" in result.stderr
    assert "calibration data" in result.stderr


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("estimator", "guess", "its options cannot be taken: options: estimator: expected one of"),
        ("shadow", 1, "its options cannot be taken: options: unknown key 'shadow'"),
        ("input_shapes", 3, "its options cannot be taken"),
        ("samples", "many", "its options cannot be taken: options: samples: Expected"),
        ("calibration", "<dict from Python>", "give --calibration DATA"),
    ],
)
def test_a_manifest_that_was_edited(made: Path, edgekit, key: str, value, expected: str) -> None:
    path = made / "out" / "tiny" / "tflite-int8" / "manifest.json"
    plain = json.loads(path.read_text())
    plain["options"][key] = value
    path.write_text(json.dumps(plain))
    result = edgekit("convert", "--from", path, "-o", "again", "-q")
    assert result.exit_code == 1
    assert expected in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (made / "again").exists()
