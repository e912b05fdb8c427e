from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgekit.cli import main
from edgekit.errors import ArtifactError
from edgekit.evaluation import evaluate_artifact
from edgekit.pipeline.options import Options


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model, its file, a worse file, and labelled data."""
    import keras

    from edgekit.exporters import tflite
    from edgekit.formats import tflite as flatbuffer
    from edgekit.trace import freeze, signature

    folder = tmp_path_factory.mktemp("evaluate")
    x = keras.Input((6,), name="x")
    model = keras.Model(x, keras.layers.Dense(4, activation="softmax", name="y")(x))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.save(folder / "model.keras")
    content = tflite.export(freeze(model, signature(model)))
    (folder / "model.tflite").write_bytes(content)
    (folder / "foreign.tflite").write_bytes(flatbuffer.rename_io(content, ["in_0"], ["out_0"]))
    data = rng.normal(size=(60, 6)).astype(np.float32)
    labels = np.asarray(model(data)).argmax(1)
    labels[:6] = (labels[:6] + 1) % 4  # 54 of 60 are right
    np.savez(folder / "data.npz", x=data, y=labels)
    np.savez(folder / "bare.npz", x=data)
    model.set_weights([-w for w in model.get_weights()])
    worse = tflite.export(freeze(model, signature(model)))
    (folder / "worse.tflite").write_bytes(worse)
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))


def run(place: Path, name: str, *arguments: str, data: str = "data.npz") -> Result:
    words = ["evaluate", str(place / name), "--against", str(place / "model.keras")]
    return CliRunner().invoke(main, [*words, "--data", str(place / data), *arguments])


def document(*arguments: Any, **kwargs: Any) -> dict[str, Any]:
    result = run(*arguments, "--json", **kwargs)
    assert (result.exit_code, result.stderr) == (0, ""), result.stderr
    return json.loads(result.stdout)


def test_scores_drop_and_layers(place: Path) -> None:
    found = document(place, "model.tflite", "-m", "top1", "--layers")
    said = found["evaluation"]
    assert said["source_score"] == said["artifact_score"] == pytest.approx(0.9)
    assert said["drop_pp"] == 0
    assert said["agreement"] == 1
    assert said["sqnr_db_min"] > 90
    assert found["schema"] == 1
    schema = json.loads(CliRunner().invoke(main, ["schema", "evaluation"]).stdout)
    jsonschema.Draft202012Validator(schema).validate(found)
    assert {layer["sqnr_db"] for layer in found["layers"]["layers"]} == {"Infinity"}


@pytest.fixture(scope="module")
def open_sized(place: Path) -> Path:
    """Put a model of unknown size beside a file of it at 5x5 whose names are others."""
    import keras

    from edgekit.exporters import tflite
    from edgekit.formats import tflite as flatbuffer
    from edgekit.trace import freeze, signature

    x = keras.Input((None, None, 1), name="image")
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(x))
    model = keras.Model(x, keras.layers.Dense(3, name="y")(pooled))
    model.save(place / "open.keras")
    content = tflite.export(freeze(model, signature(model, {"image": (1, 5, 5, 1)})))
    (place / "open.tflite").write_bytes(flatbuffer.rename_io(content, ["in_0"], ["out_0"]))
    np.savez(place / "open.npz", x=np.random.default_rng(1).normal(size=(40, 5, 5, 1)))
    return place


@pytest.mark.parametrize(
    ("given", "code"),
    [((), 0), (("--input-shape", "image=1,5,5,1"), 0), (("--input-shape", "image=1,5,5,2"), 1)],
)
def test_unknown_sizes_are_those_of_the_file_or_given(
    open_sized: Path, given: tuple[str, ...], code: int
) -> None:
    files = [str(open_sized / f"open.{suffix}") for suffix in ("tflite", "keras", "npz")]
    words = ["evaluate", files[0], "--against", files[1], "--data", files[2], "-q", *given]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == code, result.output
    assert ("contradicts the model" in result.output) == bool(code)


def test_a_worse_file_is_shown_as_worse(place: Path) -> None:
    result = run(place, "worse.tflite", "-m", "top1", "-q")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "top1 of the source model (higher is better)" in result.stdout
    assert "0.9000" in result.stdout
    said = document(place, "worse.tflite", "-m", "top1")["evaluation"]
    assert said["drop_low_pp"] > 0


def test_without_a_metric_agreement_and_sqnr(place: Path) -> None:
    said = document(place, "model.tflite", "--evaluate-samples", "10", data="bare.npz")[
        "evaluation"
    ]
    assert said["samples"] == 10
    assert said["metric"] is None
    assert said["agreement"] == 1


def test_a_file_of_another_tool_is_matched_by_shape(place: Path) -> None:
    said = document(place, "foreign.tflite", "-m", "top1")["evaluation"]
    assert said["drop_pp"] == 0


@pytest.mark.parametrize(
    ("arguments", "data", "said"),
    [
        (("-m", "top1"), "bare.npz", "metric top1 needs labels"),
        (("-m", "top7"), "data.npz", "no metric 'top7'"),
        (("--output-name", "z"), "data.npz", "no output 'z'"),
        ((), "none.npz", "no such file"),
    ],
)
def test_what_does_not_fit_is_one_line(
    place: Path, arguments: tuple[str, ...], data: str, said: str
) -> None:
    result = run(place, "model.tflite", *arguments, "-q", data=data)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_file_of_another_model(place: Path, tmp_path: Path) -> None:
    import keras

    other = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4)])
    with pytest.raises(ArtifactError, match="is the file made from this model"):
        evaluate_artifact(
            place / "model.tflite", other, data=np.zeros((4, 5), np.float32), options=Options()
        )


def test_from_python_with_objects(place: Path) -> None:
    import keras

    model = keras.saving.load_model(place / "model.keras")
    with np.load(place / "data.npz") as arrays:
        data = (arrays["x"], arrays["y"])
    found = evaluate_artifact(
        place / "model.tflite", model, data=data, options=Options(metric="top1"), cache=False
    )
    assert found.evaluation.source_score == pytest.approx(0.9)
    assert found.artifact.endswith("model.tflite")
