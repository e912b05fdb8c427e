"""``edgekit compress`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from edgekit.cli import main

ZERO = """
schema = 1
name = "zero"
description = "half zero, at once"

[[passes]]
name = "fold-batchnorm"

[[passes]]
name = "magnitude-prune"
epochs = 0
only = ["*"]
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a model of a long name, its data, and a recipe."""
    import keras

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            keras.layers.Conv2D(4, 3, name="conv"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.GlobalAveragePooling2D(name="pool"),
            keras.layers.Dense(3, activation="softmax", name="scores"),
        ]
    )
    model.save("model.keras")
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (32, 8, 8, 1)).astype(np.float32)
    np.savez("data.npz", x=x, y=rng.integers(0, 3, 32))
    np.savez("bare.npz", x=x)
    (tmp_path / "zero.toml").write_text(ZERO)
    return tmp_path


def edgekit(*words: object) -> Any:
    return CliRunner().invoke(main, [str(word) for word in words], prog_name="edgekit")


def test_what_is_shown_fits_80_columns(place: Path) -> None:
    done = edgekit("compress", "model.keras", "--recipe", "zero.toml", "-e", "data.npz", "-m",
                   "top1", "-q")  # fmt: skip
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "model: zero: half zero, at once"
    assert lines[-1] == "wrote model-zero.keras"
    text = done.stdout
    for said in ("fold-batchnorm", "magnitude-prune", "parameters", "multiply-accumulates",
                 "share of zeros", "weights, compressed", "top1, 32 samples", "drop"):  # fmt: skip
        assert said in text
    assert sorted(path.name for path in place.glob("*.keras")) == [
        "model-zero.keras", "model.keras",
    ]  # fmt: skip


def test_json_is_one_document(place: Path) -> None:
    done = edgekit("compress", "model.keras", "--recipe", "zero.toml", "-o", "a/b.keras", "--json",
                   "--set", "magnitude-prune.sparsity=0.25")  # fmt: skip
    assert (done.exit_code, done.stderr) == (0, "")
    plain = json.loads(done.stdout)
    assert plain["schema"] == 1
    assert [each["name"] for each in plain["passes"]] == ["fold-batchnorm", "magnitude-prune"]
    assert plain["compression"]["before"]["parameters"] == 71
    assert plain["compression"]["after"]["parameters"] == 55
    assert plain["options"]["settings"] == {"magnitude-prune.sparsity": 0.25}
    assert plain["source"]["outputs"][0]["name"] == "scores"
    assert plain["command"] == (
        "edgekit compress model.keras --recipe zero.toml --set magnitude-prune.sparsity=0.25"
    )
    assert (place / "a" / "b.keras").is_file()


def test_training_without_data_or_labels(place: Path) -> None:
    words = ("compress", "model.keras", "--recipe", "prune-50", "-q")
    done = edgekit(*words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: recipe 'prune-50': magnitude-prune trains: give --train DATA, labelled samples "
        "(.npz, .csv, a folder of pictures, module:function, or a profile's name)\n"
    )
    done = edgekit(*words, "--train", "bare.npz")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "bare.npz: magnitude-prune of recipe 'prune-50' learns from labels" in done.stderr
    assert not (place / "model-prune-50.keras").exists()


def test_a_recipe_is_asked_for(place: Path) -> None:
    done = edgekit("compress", "model.keras")
    assert done.exit_code == 2
    assert "Missing option '--recipe'; `edgekit recipes` lists them." in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("no.keras",), "no.keras"),
        (("model.keras", "-o", "x.tflite"), "x.tflite: expected a file that ends in .keras"),
        (("model.keras", "-o", "model.keras"), "model.keras is the source model"),
        (("model.keras", "-m", "top1"), "--metric top1 needs labelled data"),
        (("model.keras", "--epochs", "3"), "trains nothing: leave --epochs out"),
    ],
)
def test_misuse_is_one_line(place: Path, words: tuple[str, ...], said: str) -> None:
    done = edgekit("compress", *words, "--recipe", "zero.toml")
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_scaling_is_for_all_data_alike(place: Path) -> None:
    """Data that are scaled on the way train the same model as data that lie scaled on the disk."""
    with np.load("data.npz") as stored:
        np.savez("raw.npz", x=stored["x"] * 50 + 100, y=stored["y"])
    common = ("compress", "model.keras", "--recipe", "prune-50", "--epochs", 1, "-q")
    assert edgekit(*common, "--train", "data.npz", "-o", "one.keras").exit_code == 0
    scaled = ("--train", "raw.npz", "--scale", 0.02, "--offset", -2, "-o", "other.keras")
    done = edgekit(*common, *scaled)
    assert done.exit_code == 0, done.output
    import keras

    one, other = (keras.saving.load_model(f"{name}.keras") for name in ("one", "other"))
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
