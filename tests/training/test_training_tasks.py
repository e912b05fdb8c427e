"""What a model is trained for: by options, as it was compiled, or guessed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgekit.errors import OptionError, TrainingError, UnknownName
from edgekit.source import load
from edgekit.trace import freeze, signature
from edgekit.training import TrainingOptions
from edgekit.training.labels import fits
from edgekit.training.ports import ports
from edgekit.training.task import guessed, meaning

SOFT = np.array([[0.2, 0.8], [0.6, 0.4], [0.5, 0.5]], np.float32)
LOGITS = np.array([[-3.0, 2.0], [1.0, 7.0], [0.0, 0.0]], np.float32)
LONE = np.array([[0.2], [0.9], [0.5]], np.float32)


@pytest.mark.parametrize(
    ("labels", "outputs", "loss"),
    [
        ([0, 1, 1], SOFT, "sparse_categorical_crossentropy"),
        ([[0.0], [1.0], [1.0]], SOFT, "sparse_categorical_crossentropy"),
        ([0, 1, 1], LOGITS, "sparse_categorical_crossentropy"),
        ([[1, 0], [0, 1], [0, 1]], SOFT, "categorical_crossentropy"),
        ([[1, 1], [0, 1], [0, 0]], SOFT, "binary_crossentropy"),
        ([0, 1, 1], LONE, "binary_crossentropy"),
        ([0.5, 1.5, 2.5], LONE, "mean_squared_error"),
        ([[0.5, 1], [2, 3], [4, 5]], LOGITS, "mean_squared_error"),
        ([2, 3, 4], LONE, "mean_squared_error"),
    ],
)
def test_losses_are_guessed_from_labels_and_outputs(labels, outputs, loss):
    assert guessed(np.array(labels), outputs) == loss


def test_labels_that_fit_nothing_are_refused():
    with pytest.raises(TrainingError, match=r"shape \(2,\)"):
        guessed(np.zeros((3, 4)), SOFT)


@pytest.mark.parametrize(
    ("outputs", "loss", "kind"),
    [
        (SOFT, "sparse_categorical_crossentropy", "probabilities"),
        (LOGITS, "sparse_categorical_crossentropy", "logits"),
        (LONE, "binary_crossentropy", "yes-no"),
        (LOGITS, "binary_crossentropy", "yes-no logits"),
        (LOGITS, "mean_squared_error", "values"),
        (SOFT, "", "probabilities"),
        (LONE, "", "yes-no"),
        (LOGITS, "", "values"),
    ],
)
def test_what_outputs_mean(outputs, loss, kind):
    assert meaning(outputs, loss) == kind


def test_the_activation_at_the_end_goes_before_what_numbers_look_like():
    assert meaning(LONE, "binary_crossentropy", "linear") == "yes-no logits"
    assert meaning(SOFT, "sparse_categorical_crossentropy", "linear") == "logits"
    assert meaning(SOFT * 1.1, "sparse_categorical_crossentropy", "softmax") == "probabilities"


def test_the_activation_at_the_end_is_found_behind_shapes_and_within_models(classifier):
    import keras

    inner, inputs = classifier(), keras.Input((36,))
    layers = keras.layers
    soft = layers.Reshape((1, 3))(inner(layers.Reshape((6, 6, 1))(inputs)))
    other = layers.Softmax(name="other")(layers.Dense(2)(inputs))
    yes = layers.Activation("sigmoid", name="yes")(layers.Dense(1)(inputs))
    plain = layers.Dense(1, name="plain")(inputs)
    summed = layers.Add(name="summed")([plain, yes])
    model = keras.Model(inputs, [soft, other, yes, plain, summed])
    found = ports(model, [np.zeros((2, 36), np.float32)])
    assert list(found.ends.values()) == ["softmax", "softmax", "sigmoid", "linear", ""]


def test_outputs_are_called_in_training_what_they_are_called_in_files():
    import keras

    x = keras.Input((4,), name="x")
    y = keras.layers.Dense(2, name="y")
    model = keras.Model(
        {"x": x}, {"x": y(x), "z": [y(x), y(keras.layers.Dense(4, name="w")(x)), y(x)]}
    )
    found = ports(model, [np.zeros((2, 4), np.float32)])
    named = [spec.name for spec in freeze(model, signature(model)).outputs]
    assert list(found.outputs) == named
    assert len({*named, "x"}) == 5
    assert found.called[named[0]] == "x"


def test_labels_and_losses_may_have_keras_name_of_an_output_that_an_input_has(trainer):
    import keras

    x = keras.Input((4,), name="x")
    dense = keras.layers.Dense(4, name="d")
    model = keras.Model({"x": x}, {"x": dense(x), "z": keras.layers.Dense(1, name="z")(x)})
    model.compile("adam", loss={"x": "mae", "z": "mse"})
    rows = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)

    def batches():
        for start in range(0, 64, 32):
            some = rows[start : start + 32]
            yield {"x": some}, {"x": some, "z": some[:, :1]}

    made = trainer(model, batches)
    assert "x_1: mean_absolute_error (as the source" in made.task
    assert made.fit(model, label="run").history["loss"]


def test_logits_are_trained_as_logits(trainer, classifier, pictures):
    made = trainer(classifier(None), pictures, epochs=4)
    assert "on logits (guessed" in made.task
    fitted = made.fit(classifier(None), label="run")
    assert fitted.history["accuracy"][-1] > fitted.history["accuracy"][0]


def test_options_go_before_the_compiled_model(trainer, classifier, pictures):
    source = classifier()
    source.compile(loss="categorical_crossentropy", metrics=["mae"])
    made = trainer(source, pictures, loss="sparse_categorical_crossentropy", metrics=("accuracy",))
    assert made.task == "sparse_categorical_crossentropy (from the options)"


def test_the_compiled_loss_of_a_model_in_memory_is_taken(trainer, classifier, pictures):
    def own(y, p):
        import keras

        return keras.ops.mean(keras.ops.square(keras.ops.one_hot(y, 3) - p), axis=-1)

    import keras

    x, y = pictures
    source = classifier()
    source.compile(loss=own, metrics=[keras.metrics.SparseTopKCategoricalAccuracy(k=2)])
    hot = np.eye(3, dtype=np.float32)[y]
    source.compile(loss=keras.losses.Huber(delta=0.5), metrics=["mae"])
    fitted = trainer(source, (x, hot), epochs=1).fit(classifier(), label="run")
    assert "mae" in fitted.history
    assert "as the source model was compiled" in trainer(source, (x, hot)).task


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_the_compiled_loss_of_a_file_is_taken(trainer, classifier, pictures, tmp_path, suffix):
    import keras

    x, y = pictures
    model = classifier()
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.25)
    model.compile(loss=loss, metrics=["accuracy"])
    path = tmp_path / f"model.{suffix}"
    model.save(path)
    made = trainer(load(path), (x, np.eye(3)[y]))
    assert made.task == "categorical_crossentropy (as the source model was compiled)"
    assert made.ground.goals["scores"].loss.get_config()["label_smoothing"] == 0.25
    fitted = made.fit(classifier(), label="run")
    assert "accuracy" in fitted.history


def test_custom_code_in_a_file_is_never_run(trainer, classifier, pictures, tmp_path):
    import zipfile

    model = classifier()
    model.compile(loss="mse")
    model.save(tmp_path / "plain.keras")
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(tmp_path / "plain.keras") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["compile_config"]["loss"] = {
                    "module": "os", "class_name": "system", "config": {"command": "touch x"},
                    "registered_name": "own>loss",
                }  # fmt: skip
                content = json.dumps(config).encode()
            new.writestr(name, content)
    made = trainer(load(path), pictures)
    assert "system is custom code, so guessed" in made.task
    assert "sparse_categorical" in made.task


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
@pytest.mark.parametrize("one_hot", [False, True])
def test_classes_and_one_hot_rows_serve_both_crossentropies(
    trainer, classifier, pictures, loss, one_hot
):
    x, y = pictures
    source = classifier()
    source.compile(loss=loss)
    made = trainer(source, (x, np.eye(3)[y] if one_hot else y), epochs=1)
    fitted = made.fit(classifier(), label="run")
    wanted = trainer(classifier(), (x, y), "plain", epochs=1).fit(classifier(), label="run")
    assert fitted.history["loss"] == pytest.approx(wanted.history["loss"], rel=1e-4)
    assert fitted.history["accuracy"] == wanted.history["accuracy"]


@pytest.mark.parametrize(
    ("shape", "wanted", "yes"),
    [
        ((), (1,), True), ((3, 1), (3,), True), ((3,), (None, 1), True), ((), (), True),
        ((3,), (4,), False), ((3, 4), (None,), False), ((), (None,), False),
    ],
)  # fmt: skip
def test_shapes_fit_but_for_axes_of_1(shape, wanted, yes):
    assert fits(shape, wanted) is yes


def test_losses_by_output_with_weights(trainer, forked, forked_data):
    source = forked()
    source.compile(
        loss={"kind": "sparse_categorical_crossentropy", "size": "mae"},
        loss_weights={"size": 0.25},
    )
    made = trainer(source, forked_data, epochs=1)
    assert "size: mean_absolute_error (as" in made.task
    assert made.ground.goals["size"].weight == 0.25
    assert made.fit(forked(), label="run").epochs == 1


@pytest.mark.parametrize("options", [{"loss": "no_such_loss"}, {"metrics": ("no_such_metric",)}])
def test_unknown_names_are_refused(trainer, classifier, pictures, options):
    with pytest.raises((UnknownName, TrainingError), match="no_such"):
        trainer(classifier(), pictures, **options)


def test_classes_out_of_range_are_refused(trainer, classifier, pictures):
    x, y = pictures
    made = trainer(classifier(), (x, y + 1), loss="sparse_categorical_crossentropy")
    with pytest.raises(TrainingError, match=r"classes 0\.\.2"):
        made.fit(classifier(), label="run")


def test_nothing_to_train_for_is_refused(trainer, classifier, pictures):
    with pytest.raises(TrainingError, match="labels"):
        trainer(classifier(), pictures[0]).fit(classifier(), label="run")


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0}, {"learning_rate": float("nan")},
        {"validation": 1}, {"patience": 0}, {"seed": -1}, {"optimizer": "adma"},
        {"schedule": "linear"},
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        TrainingOptions(**options)
