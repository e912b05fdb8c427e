"""Good models of every kind load with their numbers, and objects pass through untouched."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from edgekit.errors import SourceError, UnsafeSource
from edgekit.source import digest, importable, load, save_object

TINY = "mlperf_tiny_models"


def run(model, *arrays):
    import keras

    out = model(list(arrays) if len(arrays) > 1 else arrays[0], training=False)
    return [keras.ops.convert_to_numpy(t) for t in keras.tree.flatten(out)]


def test_vww_matches_its_mended_twin_and_its_tflite(assets):
    loaded = load(assets / TINY / "visual_wake_words/trained_models/vww_96.h5")
    twin = load(assets / TINY / "converted/vww_96_keras3.keras")
    x = np.random.default_rng(0).random((1, 96, 96, 3), "float32")
    np.testing.assert_array_equal(run(loaded.model, x)[0], twin.model([x], training=False))
    assert loaded.parameters == 221_794
    assert {m.where for m in loaded.mends} >= {"depthwise_conv2d"}
    assert any("groups" in m.what and "1" in m.how for m in loaded.mends)
    from ai_edge_litert.interpreter import Interpreter

    lite = Interpreter(str(assets / TINY / "visual_wake_words/trained_models/vww_96_float.tflite"))
    lite.allocate_tensors()
    lite.set_tensor(lite.get_input_details()[0]["index"], x)
    lite.invoke()
    got = lite.get_tensor(lite.get_output_details()[0]["index"])
    np.testing.assert_allclose(run(loaded.model, x)[0], got, atol=1e-4)


def test_kws_savedmodel_matches_its_converted_twin(assets):
    loaded = load(assets / TINY / "keyword_spotting/trained_models/kws_ref_model")
    twin = load(assets / TINY / "converted/kws_ref_keras3.keras")
    x = np.random.default_rng(0).normal(size=(4, 49, 10, 1)).astype("float32")
    np.testing.assert_allclose(run(loaded.model, x)[0], run(twin.model, x)[0], atol=1e-6)
    assert loaded.kind == "savedmodel"
    assert all(layer.trainable for layer in loaded.model.layers)


@pytest.mark.parametrize(
    "name",
    [
        f"{TINY}/streaming_wakeword/trained_models/str_ww_ref_model.h5",
        f"{TINY}/anomaly_detection/trained_models/ad01.h5",
        f"{TINY}/image_classification/trained_models/pretrainedResnet.h5",
        "mltk_models/autoencoder_example/autoencoder_example.h5",
        "mltk_models/fingerprint_signature_generator/fingerprint_signature_generator.h5",
        "mltk_models/keyword_spotting/keyword_spotting.h5",
        "st_har_bsd3/model.h5",
        "esc10_miniresnet/models/miniresnetv2_1stacks_64x50_tl.h5",
    ],
)
def test_every_shipped_file_loads(assets, name):
    import h5py

    loaded = load(assets / name)
    with h5py.File(assets / name) as file:
        stored = []
        file["model_weights"].visititems(
            lambda _, item: stored.append(item.size) if isinstance(item, h5py.Dataset) else None
        )
    assert loaded.parameters == sum(stored)


def test_custom_layer_and_lambda_name_the_option(assets):
    with pytest.raises(SourceError, match=r"--custom-objects .*:MultiScaleTemporalConvolution"):
        load(assets / "mltk_models/keyword_spotting_alexa/keyword_spotting_alexa.h5")
    folder = assets / "mltk_models/fingerprint_signature_generator"
    with pytest.raises(UnsafeSource, match="--allow-code"):
        load(folder / "fingerprint_signature_generator.siamese.h5")


def test_export_without_keras_model(tmp_path):
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.export(tmp_path / "exported", verbose=False)
    with pytest.raises(SourceError, match=r"give the \.keras"):
        load(tmp_path / "exported")


def test_objects_pass_through_untouched(tmp_path):
    import keras

    @keras.saving.register_keras_serializable(package="edgekit_tests")
    class Scale(keras.layers.Layer):
        def build(self, shape):
            self.gain = self.add_weight(shape=(), initializer="ones", name="gain")

        def call(self, x):
            return x * self.gain

    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    shared = keras.layers.Dense(4, dtype="mixed_float16")
    out = keras.layers.Add()([shared(a), shared(b)])
    model = keras.Model({"a": a, "b": b}, {"o": Scale()(out), "p": out})
    weights = [w.copy() for w in model.get_weights()]
    loaded = load(model)
    assert loaded.model is model
    assert loaded.sha256 == load(model).sha256
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    path = save_object(model, tmp_path)
    again = load(path)
    x = {"a": np.ones((2, 3), "float32"), "b": np.zeros((2, 3), "float32")}
    np.testing.assert_array_equal(again.model(x)["o"], model(x)["o"])
    assert again.model.get_layer(shared.name).dtype_policy.name == "mixed_float16"
    model.get_layer(shared.name).bias.assign(np.ones(4))
    assert load(model).sha256 != loaded.sha256


def test_unbuilt_and_foreign_objects():
    import keras

    with pytest.raises(SourceError, match="not built"):
        load(keras.Sequential([keras.layers.Dense(2)]))
    with pytest.raises(SourceError, match=r"keras\.Model"):
        load(object())


def test_digest_imports_no_framework(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"PK" + bytes(50))
    code = """
        import sys
        from edgekit.source import digest, load
        digest(sys.argv[1])
        assert not {"keras", "tensorflow", "h5py"} & set(sys.modules), sorted(sys.modules)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(path)], check=True)
    assert len(digest(path)) == 64


def test_keras3_h5_with_operations(tmp_path):
    import warnings

    import keras

    inputs = keras.Input((4,), name="x")
    x = keras.ops.relu(keras.layers.Dense(4)(inputs)) * 2 + inputs
    model = keras.Model(inputs, keras.layers.Activation("hard_sigmoid")(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(tmp_path / "ops.h5")
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    np.testing.assert_array_equal(run(load(tmp_path / "ops.h5").model, x)[0], run(model, x)[0])


def test_unknown_harmless_key_of_a_newer_keras_is_mended(tmp_path):
    import json
    import zipfile

    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="d")])
    model.save(tmp_path / "old.keras")

    def write(value):
        path = tmp_path / f"new{value}.keras"
        with zipfile.ZipFile(tmp_path / "old.keras") as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                data = old.read(name)
                if name == "config.json":
                    config = json.loads(data)
                    config["config"]["layers"][1]["config"]["from_the_future"] = value
                    data = json.dumps(config).encode()
                new.writestr(name, data)
        return path

    loaded = load(write(None))
    assert [(m.where, "from_the_future" in m.what) for m in loaded.mends] == [("d", True)]
    with pytest.raises(SourceError, match="from_the_future"):
        load(write(7))


MODULE = """
import keras

class Twice(keras.layers.Layer):
    def call(self, x):
        return x * 2

class Halves(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return keras.ops.full(shape, 0.5, dtype)

def bent(x):
    return keras.ops.maximum(x, 0.1 * x)
"""


def test_where_the_parts_of_a_model_can_be_imported_from(tmp_path, monkeypatch):
    import keras

    (tmp_path / "parts_of_mine.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    import parts_of_mine as parts

    dense = keras.layers.Dense(2, activation=parts.bent, kernel_initializer=parts.Halves())
    own = keras.layers.Lambda(lambda x: x)
    model = keras.Sequential([keras.Input((3,)), keras.Sequential([parts.Twice()]), dense, own])
    found = importable(model)
    assert set(found) == {f"parts_of_mine:{name}" for name in ("Twice", "Halves", "bent")}

    class Local(parts.Twice):
        pass

    model = keras.Sequential([keras.Input((3,)), Local()], name="m")
    with pytest.raises(SourceError, match=r"'m' uses the class '.*Local' .* a module of its own"):
        importable(model)
    assert importable(model, ["elsewhere:Local"]) == ()


USERS = """
import keras

class Scale(keras.layers.Layer):
    def __init__(self, factor=2.0, **others):
        super().__init__(**others)
        self.factor = factor
        self.inner = keras.layers.Dense(3)

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return self.inner(x) * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}

def bent(x):
    return keras.ops.maximum(x, 0.1 * x)
"""
REGISTERING = "keras.saving.register_keras_serializable('of_ours')"
SAVING = f"""
import sys, warnings
import keras, numpy as np
import users_of_then as users

warnings.simplefilter("ignore")
users.Scale = {REGISTERING}(users.Scale)
users.bent = {REGISTERING}(users.bent)
x = keras.Input((4,), name="x")
y = keras.layers.Dense(3, activation=users.bent)(users.Scale(3.0, name="scale")(x))
model = keras.Model(x, keras.Sequential([keras.Input((3,)), users.Scale(0.5)], name="inner")(y))
for place, weight in enumerate(model.weights):
    weight.assign(np.random.default_rng(place).normal(size=weight.shape))
model.save("model.keras"), model.save("model.h5")
np.savez("data.npz", x=np.ones((2, 4), "float32"), y=model(np.ones((2, 4), "float32")))
"""


@pytest.fixture(scope="module")
def registered(tmp_path_factory):
    """Files of a model whose custom objects were registered in a package, by another process."""
    folder = tmp_path_factory.mktemp("registered")
    (folder / "users_of_then.py").write_text(USERS)
    subprocess.run([sys.executable, "-c", SAVING], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_custom_objects_by_their_plain_name(registered, tmp_path, monkeypatch, ending):
    path = registered / f"model.{ending}"
    with pytest.raises(SourceError, match="--custom-objects your_module:Scale"):
        load(path)
    (tmp_path / "users_of_now.py").write_text(USERS)
    monkeypatch.chdir(tmp_path)
    loaded = load(path, custom_objects=["users_of_now:Scale", "users_of_now:bent"])
    data = np.load(registered / "data.npz")
    np.testing.assert_allclose(run(loaded.model, data["x"])[0], data["y"], rtol=1e-6)


SUBCLASSED = """
import keras

class Net(keras.Model):
    def __init__(self, units=2, **others):
        super().__init__(**others)
        self.units, self.dense = units, keras.layers.Dense(units)

    def call(self, x):
        return self.dense(x)

    def get_config(self):
        return {**super().get_config(), "units": self.units}

class LayerNormalization(keras.layers.Layer):
    def __init__(self, by=2, **others):
        super().__init__(**others)
        self.by = by

    def call(self, x):
        return x * self.by

    def get_config(self):
        return {**super().get_config(), "by": self.by}
"""


def test_classes_of_their_own_in_h5(tmp_path, monkeypatch):
    import importlib
    import warnings

    import keras

    (tmp_path / "nets_of_mine.py").write_text(SUBCLASSED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    nets = importlib.import_module("nets_of_mine")
    net, x = nets.Net(3), np.ones((2, 4), "float32")
    net(x)
    own = keras.Sequential([keras.Input((4,)), nets.LayerNormalization(3, name="own")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.save(tmp_path / "net.h5")
        own.save(tmp_path / "own.h5")
    net.save(tmp_path / "net.keras")
    with pytest.raises(SourceError, match=r"a class of its own \(Net\).* save that as \.keras"):
        load("net.h5", custom_objects=["nets_of_mine:Net"])
    loaded = load("net.keras", custom_objects=["nets_of_mine:Net"])
    np.testing.assert_array_equal(run(loaded.model, x)[0], run(net, x)[0])
    with pytest.raises(SourceError, match=r"'own'.*by = 3.*your_module:LayerNormalization"):
        load("own.h5")
    loaded = load("own.h5", custom_objects=["nets_of_mine:LayerNormalization"])
    np.testing.assert_array_equal(run(loaded.model, x)[0], 3 * x)
