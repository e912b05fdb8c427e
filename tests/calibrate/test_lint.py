from __future__ import annotations

import numpy as np
import pytest

from edgekit.artifact import TensorSpec
from edgekit.calibrate.facts import ModelFacts, gather, still_warming
from edgekit.calibrate.lint import lint
from edgekit.calibrate.sources import open_samples

SCALINGS = {
    "right": lambda x: x,
    "times 255": lambda x: x * 255,
    "by 255": lambda x: x / 255,
    "raw for -1..1": lambda x: (x + 1) * 127.5,
    "-1..1 for raw": lambda x: x / 127.5 - 1,
    "0..1 for -1..1": lambda x: (x + 1) / 2,
    "-1..1 for 0..1": lambda x: x * 2 - 1,
}


def samples_for(model, x, y=None):
    specs = [
        TensorSpec(name=t.name, shape=tuple(t.shape), dtype=str(t.dtype)) for t in model.inputs
    ]
    return open_samples(x if y is None else (x, y), specs, count=200)


def verdict(model, x, y=None):
    samples = samples_for(model, np.asarray(x, np.float32), y)
    found = [f for f in lint(samples, gather(model, samples)) if f.code == "wrong-scaling"]
    return found[0].severity if found else None


def codes(x, y=None, shape=(None, 4, 4, 2), facts=None):
    spec = TensorSpec(name="x", shape=shape, dtype="float32")
    samples = open_samples(x if y is None else (x, y), [spec])
    return {f.code: f.severity for f in lint(samples, facts or ModelFacts(inputs=(spec,)))}


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(size=(64, 4, 4, 2)).astype("float32")


def test_good_samples_give_no_findings(noise):
    assert codes(noise, np.arange(64) % 5) == {}


def test_findings_by_value(noise):
    hole = noise.copy()
    hole[[5, 9], 0] = np.nan
    flat = noise.copy()
    flat[..., 1] = 3
    assert codes(hole) == {"not-finite": "error"}
    assert codes(np.full((64, 4, 4, 2), 2.0)) == {
        "constant-input": "error",
        "duplicate-samples": "warning",
    }
    assert codes(flat) == {"constant-feature": "warning"}
    assert codes(noise[:5]) == {"too-few-samples": "warning"}
    assert codes(noise, np.full(64, 3)) == {"one-class": "warning"}
    assert codes(np.concatenate([noise, noise])) == {"duplicate-samples": "warning"}


def test_samples_for_another_input(noise):
    def facts(shape, dtype="float32"):
        return ModelFacts(inputs=(TensorSpec(name="x", shape=shape, dtype=dtype),))

    assert codes(noise, facts=facts((None, 5, 5, 2))) == {"wrong-shape": "error"}
    assert codes(noise, facts=facts((None, 4, 4, 2), "int8")) == {"wrong-dtype": "error"}
    other = ModelFacts(inputs=(TensorSpec(name="q", shape=(None,), dtype="float32"),))
    assert codes(noise, facts=other) == {"wrong-shape": "error"}


def test_a_sample_that_cannot_be_read_is_a_finding(tmp_path):
    from PIL import Image

    for i in range(40):
        Image.fromarray(np.full((4, 4), i, np.uint8)).save(tmp_path / f"{i}.png")
    (tmp_path / "7.png").write_text("no picture")
    spec = TensorSpec(name="x", shape=(None, 4, 4, 1), dtype="float32")
    (found,) = lint(open_samples(tmp_path, [spec]), ModelFacts(inputs=(spec,)))
    assert (found.code, found.severity) == ("unreadable", "error")
    assert "7.png" in found.text


def digits():
    from sklearn.datasets import load_digits

    data = load_digits()
    return (data.images[..., None] / 16).astype("float32"), data.target


def train(x, y, *, norm, epochs):
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    steps = [keras.Input((8, 8, 1)), layers.Conv2D(16, 3, padding="same", use_bias=not norm)]
    steps += [layers.BatchNormalization(momentum=0.9)] if norm else []
    steps += [layers.ReLU(), layers.Conv2D(32, 3, strides=2, activation="relu"), layers.Flatten()]
    model = keras.Sequential([*steps, layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=epochs, verbose=0, batch_size=64)
    return model


# training range -> what must be caught in a model that was trained on it
WRONG = {
    "0..1": ("times 255", "by 255", "-1..1 for 0..1"),
    "-1..1": ("raw for -1..1", "0..1 for -1..1", "by 255"),
    "0..255": ("by 255", "-1..1 for raw", "times 255"),
}


@pytest.mark.parametrize("trained", WRONG)
def test_batch_norm_tells_the_scaling(trained):
    unit, y = digits()
    x = {"0..1": unit, "-1..1": unit * 2 - 1, "0..255": unit * 255}[trained]
    model = train(x, y, norm=True, epochs=5)
    assert verdict(model, x) is None
    for name in WRONG[trained]:
        assert verdict(model, SCALINGS[name](x)) is not None, name


@pytest.mark.slow
@pytest.mark.parametrize("trained", WRONG)
def test_without_batch_norm_the_answers_tell_gross_errors(trained):
    unit, y = digits()
    x = {"0..1": unit, "-1..1": unit * 2 - 1, "0..255": unit * 255}[trained]
    model = train(x, y, norm=False, epochs=12)
    assert verdict(model, x) is None
    assert verdict(model, x, y) is None
    assert verdict(model, SCALINGS["by 255"](x), y) is not None
    assert verdict(model, SCALINGS["by 255"](x)) is not None


def test_hardly_trained_batch_norm_raises_no_alarm():
    import keras

    unit, y = digits()
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(16, 3, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(unit, y, epochs=1, verbose=0)
    assert verdict(model, unit) is None
    assert verdict(model, unit * 255) == "error"
    assert verdict(model, unit / 255) == "error"


def test_warming_is_told_from_scaling():
    variance = np.random.default_rng(0).uniform(0.01, 0.4, 16)
    assert still_warming(variance, 0.3 + 0.7 * variance)
    assert not still_warming(variance, variance)
    assert not still_warming(variance, 4 * variance)
    assert not still_warming(variance / 65025, 0.3 + 0.7 * variance)


@pytest.mark.parametrize(("scale", "offset"), [(1 / 255, 0.0), (1 / 127.5, -1.0)])
def test_the_models_own_rescaling_tells(scale, offset):
    import keras

    model = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.Rescaling(scale, offset),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    raw = np.random.default_rng(0).uniform(0, 255, (64, 4, 4, 3))
    assert verdict(model, raw) is None
    assert verdict(model, raw / 255) == "error"
    assert verdict(model, raw * 255) == "error"


def test_normalization_in_a_nested_model_tells():
    import keras

    raw = np.random.default_rng(0).normal(50, 20, (200, 4)).astype("float32")
    inner_norm = keras.layers.Normalization()
    inner_norm.adapt(raw)
    inner = keras.Sequential([keras.Input((4,)), inner_norm, keras.layers.Dense(3)])
    inputs = keras.Input((4,), name="sensors")
    model = keras.Model(inputs, inner(inputs))
    assert verdict(model, raw) is None
    assert verdict(model, raw / 255) is not None
    assert verdict(model, raw + 300) == "error"


def test_a_subclassed_model_is_watched_and_left_as_it_was():
    import keras

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = keras.layers.Conv2D(8, 3)
            self.norm = keras.layers.BatchNormalization(momentum=0.5)

        def call(self, x, training=False):
            return keras.ops.relu(self.norm(self.conv(x), training=training))

    model = Own()
    x = np.random.default_rng(0).normal(size=(64, 8, 8, 3)).astype("float32")
    for _ in range(20):
        model(x, training=True)
    before = [w.copy() for w in model.get_weights()]
    spec = TensorSpec(name="x", shape=(None, 8, 8, 3), dtype="float32")
    for factor, said in ((1, []), (255, ["wrong-scaling"])):
        samples = open_samples(x * factor, [spec])
        assert [f.code for f in lint(samples, gather(model, samples))] == said
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert "call" not in model.norm.__dict__


def test_a_model_that_fails_on_the_samples_says_so():
    import keras

    from edgekit.errors import DataError

    class Picky(keras.Model):
        def call(self, x):
            raise RuntimeError("I take nothing")

    spec = TensorSpec(name="x", shape=(None, 3), dtype="float32")
    with pytest.raises(DataError, match="I take nothing"):
        gather(Picky(), open_samples(np.ones((40, 3)), [spec]))


# pair -> (model, data, what the right samples are); the wrong ones must be caught.
def real_pair(assets, name):
    import keras

    if name == "resnet8":
        model = "mlperf_tiny_models/image_classification/trained_models/pretrainedResnet.h5"
        x = np.load(assets / "cifar10" / "cifar10_test_500_small.npz")["x"]
    elif name == "kws":
        model = "mlperf_tiny_models/converted/kws_ref_keras3.keras"
        data = np.load(assets / "kws01_mfcc_1000" / "kws01_mfcc_int8.npz")
        x = (data["x"].astype("float32") - data["zero_point"]) * data["scale"]
    elif name == "har":
        model = "st_har_bsd3/model.h5"
        x = np.load(assets / "st_har_bsd3" / "frames_26x3.npz")["x"]
        x = x[np.random.default_rng(0).permutation(len(x))]
    else:
        model = "esc10_miniresnet/models/miniresnetv2_1stacks_64x50_tl.h5"
        x = np.load(assets / "esc10_miniresnet" / "esc10_val80_logmel.npz")["x"]
    return keras.saving.load_model(assets / model, compile=False), x[:300].astype("float32")


@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`:UserWarning:keras")
@pytest.mark.parametrize("name", ["resnet8", "kws", "har", "esc10"])
def test_real_models_on_right_and_wrong_data(assets, name):
    model, x = real_pair(assets, name)
    table = {how: verdict(model, change(x)) for how, change in SCALINGS.items()}
    assert table.pop("right") is None
    assert None not in table.values(), table
