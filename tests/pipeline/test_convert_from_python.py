"""``edgekit.convert`` on objects: what it takes, what it returns, what it leaves alone."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit import errors
from edgekit.pipeline.knowable import known_by_content
from edgekit.pipeline.options import Options
from edgekit.target import Target

FAST = Options(measure=False, estimator="min-max")
FORMS = {
    "array": lambda x, y: x,
    "by name": lambda x, y: {"image": x},
    "with labels": lambda x, y: (x, y),
    "by name, with labels": lambda x, y: ({"image": x}, y),
    "function": lambda x, y: lambda: iter(x),
}


@pytest.mark.parametrize("form", FORMS)
def test_data_in_every_form(form: str, here: Path, tiny_data, tiny_model) -> None:
    x, y = tiny_data()
    data = FORMS[form](x, y)
    result = edgekit.convert(tiny_model(), "tflite-int8", calibration=data, options=FAST)
    assert [report.target.name for report in result.reports] == ["tflite-int8"]
    assert result.folders == (Path("out/tiny/tflite-int8"),)
    assert result.failures == ()
    assert result.reports[0].calibration.samples + result.reports[0].calibration.held_back == len(x)
    [artifact] = result.artifacts
    assert (artifact.format, artifact.inputs[0].name) == ("tflite", "image")
    assert edgekit.verify(result.folders[0]) == []


def test_targets_in_every_form_share_the_trace(
    here: Path, tmp_path: Path, tiny_data, tiny_model
) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('schema = 1\nname = "mine"\nsummary = "mine"\nformat = "tflite"\n')
    targets = ["tflite-fp32", str(mine), Target.load("tflite-fp16")]
    result = edgekit.convert(
        tiny_model(), targets, evaluate=tiny_data(), metric="top1", options=FAST
    )
    assert [folder.name for folder in result.folders] == ["tflite-fp32", "mine", "tflite-fp16"]
    assert all(report.evaluation.metric == "top1" for report in result.reports)
    names = [stage.name for report in result.reports for stage in report.stages]
    assert names.count("load") == names.count("trace") == 1


def test_the_object_is_left_as_it_was(here: Path, tiny_data, tiny_model) -> None:
    import keras

    model, (x, y) = tiny_model(), tiny_data()
    model.layers[0].trainable = False
    model.layers[2].dtype_policy = keras.DTypePolicy("mixed_float16")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, verbose=0)

    def state() -> object:
        return (
            [w.tobytes() for w in model.get_weights()],
            [v.numpy().tobytes() for v in model.optimizer.variables],
            [(la.trainable, la.dtype_policy.name, sorted(la.__dict__)) for la in model.layers],
            (model.compiled, model.optimizer, model.loss, model.trainable, model.name),
            (model.inputs, model.outputs),
            model.predict(x[:4], verbose=0).tobytes(),
        )

    before = copy.copy(state())
    result = edgekit.convert(
        model, ["tflite-int8", "openvino-fp32"], calibration=(x, y), options=FAST
    )

    assert [artifact.path.name for artifact in result.artifacts] == ["model.tflite", "model.xml"]
    assert state() == before
    model.fit(x, y, verbose=0)


@pytest.mark.parametrize(
    ("given", "target", "data", "error"),
    [
        ("missing.keras", "tflite-fp32", None, errors.SourceError),
        (3, "tflite-fp32", None, errors.SourceError),
        (None, "tflite-int9", None, errors.UnknownName),
        (None, [], None, errors.OptionError),
        (None, "tflite-int8", None, errors.OptionError),
        (None, "tflite-int8", lambda x: x[:, :4], errors.DataError),
        (None, "tflite-int8", lambda x: {"picture": x}, errors.DataError),
        (None, "tflite-int8", lambda x: x[:0], errors.DataError),
        (None, "tflite-int8", lambda x: np.full_like(x, np.nan), errors.DataError),
        (None, "tflite-int8", lambda x: 3, errors.DataError),
        (None, "tflite-int8", lambda x: iter(x), errors.DataError),
    ],
)
def test_errors_are_of_the_tree(
    given, target, data, error, here: Path, tiny_data, tiny_model, tree
) -> None:
    model = tiny_model() if given is None else given
    samples = data and data(tiny_data()[0])
    with pytest.raises(error) as raised:
        edgekit.convert(model, target, calibration=samples, options=FAST)
    assert "\n" not in str(raised.value)
    assert tree(here) == []


def test_a_missed_budget_is_raised_after_writing(here: Path, tmp_path: Path, tiny_model) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'schema = 1\nname = "mine"\nsummary = "mine"\nformat = "tflite"\n[budget]\nsize_kib = 0.5\n'
    )
    with pytest.raises(errors.BudgetMissed, match=r"mine: size_kib: expected at most 0\.5, got"):
        edgekit.convert(tiny_model(), str(mine), options=FAST)
    assert edgekit.verify("out/tiny/mine") == []


def test_code_beside_a_model_is_never_taken_for_known(bench, tiny_model) -> None:
    import keras

    class Mine(keras.layers.Dense):
        pass

    def mine(x):
        return x * 2

    image = keras.Input((8,))
    plain = keras.Model(image, keras.layers.Dense(2, activation="relu")(image))
    layer = keras.Model(image, Mine(2)(image))
    function = keras.Model(image, keras.layers.Dense(2, activation=mine)(image))
    lambda_ = keras.Model(image, keras.layers.Lambda(lambda x: x + 1)(image))
    nested = keras.Sequential([keras.Input((8,)), keras.Sequential([Mine(3)])])
    plain.compile(loss=mine)
    assert known_by_content(plain, Options())
    assert known_by_content(tiny_model(), Options())
    assert known_by_content(bench.model, Options())
    assert not any(known_by_content(m, Options()) for m in (layer, function, lambda_, nested))
    assert not known_by_content(bench.model, Options(custom_objects=("mine:Layer",)))


def test_a_changed_layer_of_the_users_is_converted_anew(here: Path) -> None:
    import keras

    def model(factor: float) -> object:
        class Scale(keras.layers.Layer):
            def call(self, x):
                return x * factor

        image = keras.Input((8,), name="image")
        dense = keras.layers.Dense(2, name="d", kernel_initializer="ones")
        return keras.Model(image, dense(Scale(name="s")(image)), name="m")

    one, two = (
        edgekit.convert(model(factor), "tflite-fp32", options=FAST).reports[0].artifact.sha256
        for factor in (2.0, 3.0)
    )
    assert one != two
