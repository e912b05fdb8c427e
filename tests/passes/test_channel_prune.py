"""The pass as users see it: options, budgets, treatments, and models that save and train."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from edgekit.errors import OptionError, PassError
from edgekit.passes import PASSES, Context, passes_of
from edgekit.passes.channel_prune import ChannelPrune
from edgekit.passes.graph import flat
from edgekit.progress import Silent

keras = pytest.importorskip("keras")
layers = keras.layers


def residual(width=32, *, sizes=(12, 12, 3)):
    x = inputs = keras.Input(sizes, name="picture")
    x = layers.Conv2D(width, 3, padding="same", name="stem")(x)
    for block in range(2):
        y = layers.BatchNormalization()(x)
        y = layers.Conv2D(2 * width, 1, activation="relu", name=f"wide{block}")(y)
        y = layers.DepthwiseConv2D(3, padding="same", name=f"deep{block}")(y)
        y = layers.Conv2D(width, 1, name=f"narrow{block}")(y)
        x = layers.Add(name=f"sum{block}")([x, y])
    x = layers.Dense(24, activation="relu", name="hidden")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(4, activation="softmax", name="end")(x), name="source")


def prune(model, *, context=None, **options):
    refit = context is not None and context.samples is not None
    return ChannelPrune(**{"refit": refit, **options}).run(flat(model), context or Context())


@pytest.mark.parametrize("importance", ["l1", "l2", "batch-norm"])
def test_a_budget_is_kept_by_whole_multiples(importance):
    outcome = prune(residual(), macs=0.5, importance=importance)
    assert 0.35 < outcome.figures["macs_share"] <= 0.5
    for name in ("stem", "wide0", "wide1", "narrow0", "narrow1", "hidden"):
        assert outcome.model.get_layer(name).output.shape[-1] % 8 == 0
    assert outcome.model.output.shape == (None, 4)
    assert [tensor.name for tensor in outcome.model.inputs] == ["picture"]


def test_parameters_are_a_budget_of_their_own():
    source = residual()
    outcome = prune(source, parameters=0.4)
    assert outcome.model.count_params() <= 0.4 * source.count_params()
    assert outcome.figures["parameters_share"] == pytest.approx(
        outcome.model.count_params() / source.count_params()
    )
    both = prune(residual(), macs=0.7, parameters=0.4)
    assert both.figures["macs_share"] <= 0.7
    assert both.figures["parameters_share"] <= 0.4


def test_nothing_leaves_where_everything_may_stay():
    source = residual()
    outcome = prune(source, macs=1.0)
    assert outcome.model.count_params() == source.count_params()
    assert all(t.skipped for t in outcome.treatments)


def test_steps_end_at_the_same_budget():
    assert prune(residual(), macs=0.5, steps=3).figures["macs_share"] <= 0.5


def test_every_layer_is_told_of():
    outcome = prune(residual(), macs=0.5, skip=("stem",))
    told = {t.layer: t.done or t.skipped for t in outcome.treatments}
    assert set(told) == {layer.name for layer in outcome.model.layers} - {"picture"}
    assert told["stem"] == "channels stay: skipped by name"
    assert told["narrow0"] == "follows the channels that come in"
    assert told["wide0"].endswith("of 64 channels stay")
    assert told["deep0"] == "follows the channels that come in"
    assert told["sum0"] == "makes no channels"


def test_a_budget_out_of_reach_is_an_error():
    with pytest.raises(PassError, match=r"at most 0\.1 of the MACs .* lower multiple_of=8"):
        prune(residual(8), macs=0.1)


@pytest.mark.parametrize(
    "options",
    [
        {"macs": 0.0}, {"macs": 1.5}, {"parameters": -1.0}, {"multiple_of": 0}, {"steps": 0},
        {"epochs": -1}, {"temperature": 0.0}, {"distill_weight": 2.0}, {"learning_rate": 0.0},
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(options):
    with pytest.raises(OptionError):
        ChannelPrune(**options)


def test_only_what_trains_needs_training_data():
    assert ChannelPrune().needs == {"graph", "calibration"}
    bare = ChannelPrune(refit=False)
    assert bare.needs == {"graph"}
    assert replace(bare, epochs=1).needs == {"graph", "training", "labels"}
    assert replace(bare, epochs=1, distill_weight=1.0).needs == {"graph", "training"}
    assert replace(bare, importance="taylor").needs == {"graph", "training", "labels"}
    with pytest.raises(PassError, match="give --calibration, or set refit to false"):
        ChannelPrune().run(flat(residual()), Context())
    with pytest.raises(PassError, match="training data"):
        prune(residual(), epochs=1)


def test_a_recipe_builds_it_and_later_passes_are_named():
    (made,) = passes_of([{"name": "channel-prune", "macs": 0.5}], where="test")
    assert made == ChannelPrune(macs=0.5)
    qat = PASSES.load("qat")()
    assert made.objections(None, [qat, made])
    assert not made.objections(None, [made, qat])


def test_the_result_loads_without_edgekit_and_trains(tmp_path):
    outcome = prune(residual(16, sizes=(8, 8, 3)), macs=0.6)
    x = np.random.default_rng(0).random((8, 8, 8, 3), np.float32)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", values(outcome.model(x)))
    outcome.model.save(tmp_path / "m.keras")
    script = (
        "import sys; sys.modules['edgekit'] = None\n"
        "import keras, numpy as np\n"
        "m = keras.models.load_model('m.keras')\n"
        "np.testing.assert_allclose(m.predict(np.load('x.npy'), verbose=0), np.load('y.npy'),"
        " atol=1e-6)\n"
        "m.compile('sgd', 'sparse_categorical_crossentropy')\n"
        "m.fit(np.load('x.npy'), np.arange(8) % 4, verbose=0)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)


def values(variable):
    return keras.ops.convert_to_numpy(variable).copy()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a model, and a trainer on data that it can learn."""
    from edgekit.training import Trainer, TrainingOptions

    tmp_path = tmp_path_factory.mktemp("trained")
    keras.utils.set_random_seed(0)
    source = residual(16, sizes=(8, 8, 3))
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 256)
    x = rng.normal(size=(256, 8, 8, 3)) * 0.3
    for label in range(4):
        x[y == label, :, :, label % 3] += label - 1.5
    np.savez(tmp_path / "train.npz", x=x.astype("float32"), y=y)
    options = TrainingOptions(epochs=1, batch_size=32, learning_rate=3e-3, validation=0.0)
    trainer = Trainer(
        source, str(tmp_path / "train.npz"), options, folder=tmp_path, progress=Silent()
    )
    trainer.fit(source, label="source", epochs=4)
    return source, trainer, x.astype("float32"), y


def accuracy(model, x, y):
    return float((values(model(x)).argmax(axis=1) == y).mean())


def test_sensitivity_leaves_the_model_as_it_was_and_finds_dead_channels(trained):
    from edgekit.passes.channels.importance import by_sensitivity
    from edgekit.passes.channels.sensitivity import products
    from edgekit.passes.channels.wiring import wired
    from edgekit.passes.graph import Graph

    source, trainer, *_ = trained
    model = flat(source)
    narrow = model.get_layer("deep0")
    kernel = values(narrow.kernel)
    kernel[:, :, 5] = 0
    narrow.kernel.assign(kernel)
    model.get_layer("hidden").trainable = False
    before = [values(variable) for variable in model.variables]
    wiring = wired(Graph(model))
    scores = by_sensitivity(wiring, products(model, trainer, batches=2))
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, values(variable))
    assert not model.get_layer("hidden").trainable
    group = next(g for g in wiring.groups if "wide0" in g.makers)
    found = scores[group.classes]
    assert found[5] == found.min()
    assert np.median(found) > 0


@pytest.mark.parametrize("importance", ["l2", "taylor"])
def test_fine_tuning_brings_accuracy_back(trained, importance):
    source, trainer, x, y = trained
    context = Context(teacher=flat(source), trainer=trainer)
    outcome = prune(source, context=context, macs=0.4, importance=importance, epochs=2, steps=2)
    assert accuracy(source, x, y) > 0.9
    assert accuracy(outcome.model, x, y) > 0.85
    assert outcome.figures["macs_share"] <= 0.4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV2", "EfficientNetB0"])
def test_applications_go_through(name):
    source = getattr(keras.applications, name)(weights=None, input_shape=(64, 64, 3))
    outcome = prune(source, macs=0.5)
    assert 0.45 < outcome.figures["macs_share"] <= 0.5
    assert outcome.model(np.zeros((1, 64, 64, 3), "float32")).shape == (1, 1000)


def test_the_same_model_is_pruned_the_same_way():
    keras.utils.set_random_seed(3)
    source = residual(16)
    first, second = (prune(source, macs=0.5) for _ in range(2))
    for a, b in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
