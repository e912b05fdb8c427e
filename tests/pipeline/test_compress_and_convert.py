"""Conversion behind a recipe: what is compared with what, what is kept, and made again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit import Options, TrainingOptions, reconvert
from edgekit.errors import DataError, OptionError, SourceError
from edgekit.passes.magnitude_prune import MagnitudePrune
from edgekit.report.documents import REPORT, read_file_as
from edgekit.source import digest

PRUNE = """
schema = 1
name = "mine"
description = "three quarters zero, at once"

[[passes]]
name = "magnitude-prune"
sparsity = 0.75
epochs = 0
only = ["*"]
"""
TRAIN = """
schema = 1
name = "train"
description = "half zero, trained"

[[passes]]
name = "magnitude-prune"
only = ["*"]
learning_rate = 0.01
"""
QUICK = ("-q", "--no-measure")


@pytest.fixture
def mine(here: Path) -> Path:
    (here / "mine.toml").write_text(PRUNE)
    (here / "train.toml").write_text(TRAIN)
    return here / "mine.toml"


def test_the_source_stays_the_baseline(bench, mine: Path, edgekit: Any) -> None:
    words = (
        "-t",
        "tflite-fp32",
        "--recipe",
        mine,
        "-c",
        bench.data,
        "-e",
        bench.data,
        "-m",
        "top1",
    )
    done = edgekit("convert", bench.model, *words, *QUICK, "--json")
    assert done.exit_code == 0, done.output
    [plain] = json.loads(done.stdout)["reports"]
    assert plain["source"]["sha256"] == digest(bench.model)
    assert plain["source"]["origin"] == str(bench.model)
    assert plain["parity_sqnr_db"] > 80  # against the pruned model
    assert plain["evaluation"]["sqnr_db_min"] < 40  # against the source model
    assert plain["compression"]["recipe"] == "mine"
    assert plain["compression"]["after"]["sparsity"] == pytest.approx(0.75, abs=0.01)
    [each] = plain["passes"]
    assert each["options"]["sparsity"] == 0.75
    assert {t["layer"] for t in each["treatments"] if t["done"]} == {"conv", "scores"}
    folder = Path("out/tiny/tflite-fp32")
    markdown = (folder / "report.md").read_text()
    assert "## Passes" in markdown
    assert "### magnitude-prune" in markdown
    report = read_file_as(REPORT, (folder / "report.json"))
    assert report.passes[0].name == "magnitude-prune"


def test_a_second_run_is_a_lookup_and_another_option_is_not(bench, mine, edgekit: Any) -> None:
    words = ("convert", bench.model, "-t", "tflite-fp32", "--recipe", mine, *QUICK, "--json")

    def sparsity(*more: str) -> tuple[float, list[str]]:
        [plain] = json.loads(edgekit(*words, *more).stdout)["reports"]
        stages = [s["name"] for s in plain["stages"]]
        return plain["compression"]["after"]["sparsity"], stages

    _, first = sparsity()
    assert "pass magnitude-prune" in first
    assert sparsity()[1] == ["everything"]
    other, third = sparsity("--set", "magnitude-prune.sparsity=0.5")
    assert other == pytest.approx(0.5, abs=0.02)
    assert "pass magnitude-prune" in third


def test_manifests_make_it_again(bench, mine: Path, edgekit: Any) -> None:
    words = ("--recipe", mine.parent / "train.toml", "--train", bench.data, "--epochs", 1)
    more = ("--set", "magnitude-prune.sparsity=0.25", "--seed", 3, "--batch-size", 8)
    done = edgekit("convert", bench.model, "-t", "tflite-int8", *words, *more, *QUICK)
    assert done.exit_code == 0, done.output
    folder = Path("out/tiny/tflite-int8")
    plain = json.loads((folder / "manifest.json").read_text())
    assert plain["recipe"] == "train"
    assert plain["options"]["recipe"]["passes"][0]["name"] == "magnitude-prune"
    assert plain["options"]["settings"] == {"magnitude-prune.sparsity": 0.25}
    assert plain["options"]["training"]["batch_size"] == 8
    assert plain["options"]["train"] == str(bench.data)
    assert plain["command"][4:] == [
        "tflite-int8", "--recipe", str(words[1]), "--set", "magnitude-prune.sparsity=0.25",
        "--train", str(bench.data), "--epochs", "1", "--batch-size", "8", "--no-measure",
        "--seed", "3",
    ]  # fmt: skip
    (mine.parent / "train.toml").unlink()
    again = edgekit("convert", "--from", folder, "-o", "again", "--no-cache", "-q")
    assert again.exit_code == 0, again.output
    assert edgekit("verify", "again/tiny/tflite-int8").exit_code == 0
    one, other = (Path(p, "tiny/tflite-int8/model.tflite") for p in ("out", "again"))
    assert one.read_bytes() == other.read_bytes()


def test_objects_of_python_have_to_be_given_again(tiny_model, tiny_data, here: Path) -> None:
    model = tiny_model()
    model.save(here / "m.keras")
    edgekit.convert(
        here / "m.keras", "tflite-fp32", recipe=MagnitudePrune(epochs=1), train=tiny_data(),
        options=Options(measure=False),
    )  # fmt: skip
    with pytest.raises(OptionError, match="give --train DATA"):
        edgekit.reconvert("out/m/tflite-fp32", calibration=tiny_data())


def test_calibration_comes_from_train(bench, mine: Path, edgekit: Any) -> None:
    done = edgekit("convert", bench.model, "-t", "tflite-int8", "--recipe", mine,
                   "--train", bench.data, *QUICK, "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    [plain] = json.loads(done.stdout)["reports"]
    assert plain["calibration"]["origin"] == str(bench.data)
    assert plain["calibration"]["held_back"] > 0


def test_several_targets_share_the_passes(bench, mine: Path, edgekit: Any) -> None:
    done = edgekit("convert", bench.model, "-t", "tflite-fp32", "-t", "onnx-fp32", "--recipe",
                   mine.parent / "train.toml", "--train", bench.data, *QUICK, "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    one, other = json.loads(done.stdout)["reports"]
    assert one["passes"] == other["passes"]
    names = [s["name"] for r in (one, other) for s in r["stages"]]
    assert names.count("pass magnitude-prune") == 1


def test_names_of_nested_outputs_stay(here: Path, tiny_data) -> None:
    import keras

    inner = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, name="deep")], name="head"
    )  # fmt: skip
    image = keras.Input((8, 8, 1), name="image")
    pooled = keras.layers.Conv2D(4, 3, name="conv")(image)
    pooled = keras.layers.GlobalAveragePooling2D()(pooled)
    model = keras.Model(image, inner(pooled), name="nested")
    plain = edgekit.convert(model, "tflite-fp32", options=Options(measure=False), out="plain")
    made = edgekit.convert(
        model, "tflite-fp32", recipe=MagnitudePrune(epochs=0), evaluate=tiny_data(8)[0],
        options=Options(measure=False),
    )  # fmt: skip
    for one, other in zip(plain.reports, made.reports, strict=True):
        assert [s.name for s in one.artifact.outputs] == [s.name for s in other.artifact.outputs]
        assert [s.name for s in one.artifact.inputs] == [s.name for s in other.artifact.inputs]


def test_calibration_that_is_worthless_is_said_before_training(
    bench, mine: Path, tiny_model, tiny_data
) -> None:
    x, y = tiny_data()
    with pytest.raises(DataError, match="calibration would be worthless"):
        edgekit.convert(
            bench.model, "tflite-int8", recipe="train.toml", train=(x, y),
            calibration=np.zeros_like(x), options=Options(measure=False),
        )  # fmt: skip
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--train", "x.npz"), "--train is for the passes of a recipe: give --recipe NAME"),
        (("--set", "qat.bits=4"), "--set qat.bits changes a recipe: give --recipe NAME"),
        (("--epochs", 3), "--epochs is for training: give --recipe and --train"),
        (("--recipe", "qta"), "no recipe 'qta'; did you mean 'qat'?"),
        (("--recipe", "qat"), "qat trains: give --train DATA"),
        (("--recipe", "mine.toml", "--epochs", 3), "trains nothing: leave --epochs out"),
        (("--recipe", "mine.toml", "--set", "magnitude-prune.sparsty=1"),
         "no option of magnitude-prune 'sparsty'; did you mean 'sparsity'?"),
        (("--recipe", "mine.toml", "--set", "magnitude-prune.sparsity=2"), "sparsity"),
        (("--recipe", "train.toml", "--train", "no.npz"), "no.npz: no such file"),
        (("--recipe", "train.toml", "--train", "tiny.npz", "--epochs", 0), "epochs: expected at"),
        (("--recipe", "train.toml", "--train", "tiny.npz", "--optimizer", "sdg"),
         "no optimizer 'sdg'; did you mean 'sgd'?"),
    ],
)  # fmt: skip
def test_misuse_is_one_line_before_anything_runs(bench, mine, edgekit: Any, words, said) -> None:
    np.savez("tiny.npz", x=np.zeros((4, 8, 8, 1), np.float32), y=np.zeros(4))
    done = edgekit("convert", bench.model, "-t", "tflite-fp32", *words, "-q")
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not Path("out").exists()


@pytest.mark.parametrize("value", ["qat", "qat=4", ".bits=4", "qat.=4"])
def test_a_setting_has_a_form(bench, mine, edgekit: Any, value: str) -> None:
    done = edgekit("convert", bench.model, "-t", "tflite-fp32", "--set", value)
    assert done.exit_code == 2
    assert "expected PASS.OPTION=VALUE, such as qat.bits=4" in done.stderr


def test_from_takes_no_recipe(bench, mine, edgekit: Any) -> None:
    done = edgekit("convert", "--from", "m.json", "--recipe", "qat")
    assert done.exit_code == 2
    assert "--recipe does not go with --from" in done.stderr


def test_another_source_is_refused(bench, mine: Path, edgekit: Any) -> None:
    import keras

    words = ("-t", "tflite-fp32", "--recipe", mine)
    assert edgekit("convert", bench.model, *words, *QUICK).exit_code == 0
    other = Path("other.keras")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save(other)
    with pytest.raises(SourceError, match="expected the model of the manifest"):
        reconvert("out/tiny/tflite-fp32", model=other)


def test_training_options_in_python(bench, mine: Path) -> None:
    made = edgekit.convert(
        bench.model, "tflite-fp32", recipe="train.toml", train=bench.data,
        options=Options(measure=False, training=TrainingOptions(epochs=1, batch_size=16)),
    )  # fmt: skip
    [each] = made.reports[0].passes
    assert each.trainings[0].epochs == 1


def test_each_grid_of_weights_has_a_model_of_its_own_where_nothing_is_trained(
    bench, tmp_path: Path
) -> None:
    def converted(targets: list[str]) -> list[bytes]:
        done = edgekit.convert(
            bench.model, targets, recipe="ptq", calibration=bench.data, cache=False,
            out=tmp_path / "-".join(targets), options=Options(measure=False, html=False),
        )  # fmt: skip
        return [artifact.path.read_bytes() for artifact in done.artifacts]

    # onnx-int8 keeps weights within 7 bits, which must not cost the others their eighth.
    together = converted(["tflite-int8", "onnx-int8"])
    assert together == [*converted(["tflite-int8"]), *converted(["onnx-int8"])]
