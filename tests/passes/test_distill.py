"""The pass that distils."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.errors import OptionError, PassError
from edgekit.passes import passes_of
from edgekit.passes.base import Context
from edgekit.passes.distill import Distill
from edgekit.passes.graph import flat
from edgekit.progress import Silent
from edgekit.training import Trainer, TrainingOptions


@pytest.fixture
def tiny():
    import keras

    layers = keras.layers
    inputs = keras.Input((5,), name="x")
    shared = layers.Dense(5, activation="relu", name="shared")
    both = layers.Add(name="both")([shared(inputs), shared(shared(inputs))])
    frozen = layers.Dense(4, name="frozen", trainable=False)(both)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", name="scores")(frozen))
    rng = np.random.default_rng(11)  # its own: other threads draw from what is global
    model.set_weights([rng.normal(scale=0.6, size=w.shape) for w in model.get_weights()])
    return model


@pytest.fixture
def trainer(tiny, tmp_path):
    x = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)
    options = TrainingOptions(epochs=3, learning_rate=3e-2)
    return Trainer(tiny, x, options, folder=tmp_path, progress=Silent())


def test_a_changed_model_comes_back_to_its_source(tiny, trainer, tmp_path):
    import keras

    model = flat(tiny)
    model.get_layer("scores").kernel.assign(np.zeros((4, 3)))
    outcome = Distill(weight=1.0, epochs=12).run(model, Context(teacher=tiny, trainer=trainer))
    assert outcome.figures["epochs"] == 12
    x = np.random.default_rng(1).normal(size=(50, 5)).astype(np.float32)
    wanted = tiny.predict(x, verbose=0)
    found = outcome.model.predict(x, verbose=0)
    assert np.abs(found - wanted).mean() < 0.6 * np.abs(1 / 3 - wanted).mean()
    outcome.model.save(tmp_path / "result.keras")
    again = keras.saving.load_model(tmp_path / "result.keras").predict(x, verbose=0)
    np.testing.assert_allclose(again, found, atol=1e-6)


def test_every_layer_is_listed(tiny, trainer):
    outcome = Distill(weight=1.0, epochs=1).run(flat(tiny), Context(teacher=tiny, trainer=trainer))
    told = {t.layer: t.done or t.skipped for t in outcome.treatments}
    assert set(told) == {"x", "shared", "both", "frozen", "scores"}
    assert told["frozen"] == "its weights are not trainable"


def test_without_training_data_it_cannot_run(tiny):
    with pytest.raises(PassError, match="training data"):
        Distill().run(flat(tiny), Context(teacher=tiny))
    assert Distill().needs == {"graph", "training", "labels"}
    assert Distill(weight=1.0).needs == {"graph", "training"}


def test_a_model_cannot_learn_from_itself():
    first = Distill(weight=1.0)
    assert "itself" in first.objections(None, [first])[0]
    assert not Distill(weight=0.5).objections(None, [first])


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 0}, {"temperature": -1.0}, {"weight": 2.0}, {"learning_rate": 0.0},
        {"schedule": "linear"},
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        Distill(**options)


def test_options_come_from_recipes():
    step = {"name": "distill", "temperature": 2.0, "features": {"a": "b"}}
    assert passes_of([step], where="here") == (Distill(temperature=2.0, features={"a": "b"}),)
