from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit.artifact import TensorSpec
from edgekit.calibrate.sources import open_samples
from edgekit.errors import OptionError
from edgekit.passes import Context
from edgekit.passes.equalize import Equalize
from edgekit.passes.graph import flat
from edgekit.target import Target
from edgekit.trace import entry_name

keras = pytest.importorskip("keras")
L = keras.layers
WEIGHTS = Equalize(by="weights")


def uneven(model, seed=0):
    """Give weights whose channels differ a lot, and batch norms real statistics."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        for v in layer.variables:
            if v.dtype != "float32":
                continue
            value = rng.normal(0, 0.4, v.shape)
            if "variance" in v.name:
                value = rng.uniform(0.5, 2.0, v.shape)
            if "kernel" in v.name:
                value *= 10.0 ** rng.uniform(-1, 1, v.shape[-1])
            if "alpha" in v.name:
                value = np.abs(value)
            v.assign(value)
    return model


def context_of(model, count=16, **values):
    rng = np.random.default_rng(5)
    specs = [
        TensorSpec(name=entry_name(t), shape=tuple(t.shape), dtype=str(t.dtype))
        for t in model.inputs
    ]
    data = {s.name: rng.normal(size=(count, *s.shape[1:])).astype("float32") for s in specs}
    return Context(samples=open_samples(data, specs), **values)


def run(model, step=None, *, exact=True):
    inputs = [np.random.default_rng(1).normal(size=(3, *t.shape[1:])) for t in model.inputs]
    inputs = keras.tree.pack_sequence_as(
        model._inputs_struct, [x.astype("float32") for x in inputs]
    )
    before = keras.tree.flatten(model(inputs, training=False))
    outcome = (step or WEIGHTS).run(flat(model), context_of(model))
    after = keras.tree.flatten(outcome.model(inputs, training=False))
    for old, new in zip(before, after, strict=True):
        old, new = map(keras.ops.convert_to_numpy, (old, new))
        if exact:
            np.testing.assert_allclose(new, old, atol=1e-5 * max(1.0, np.abs(old).max()))
    return outcome


def said(outcome):
    return {t.layer: t.skipped or "" for t in outcome.treatments}


ACTIVE = {
    "relu": lambda: L.ReLU(),
    "leaky": lambda: L.LeakyReLU(negative_slope=0.2),
    "prelu": lambda: L.PReLU(),
    "name": lambda: L.Activation("relu"),
    "bent": lambda: L.ReLU(negative_slope=0.1),
    "nothing": lambda: L.Activation("linear"),
    "relu6": lambda: L.ReLU(6.0),
    "tanh": lambda: L.Activation("tanh"),
}
BETWEEN = {
    "pool": lambda: L.MaxPooling2D(2, padding="same"),
    "mean": lambda: L.AveragePooling2D(2, padding="same"),
    "pad": lambda: L.ZeroPadding2D(1),
    "crop": lambda: L.Cropping2D(1),
    "drop": lambda: L.SpatialDropout2D(0.5),
    "up": lambda: L.UpSampling2D(2, interpolation="bilinear"),
}


def _conv(draw):
    kind = draw(st.sampled_from(["conv", "depthwise", "transposed", "separable", "grouped"]))
    options = {
        "kernel_size": draw(st.integers(1, 3)),
        "padding": "same",
        "use_bias": draw(st.booleans()),
        "activation": draw(st.sampled_from([None, "relu", "leaky_relu"])),
    }
    return {
        "conv": lambda: L.Conv2D(6, **options),
        "depthwise": lambda: L.DepthwiseConv2D(depth_multiplier=1, **options),
        "transposed": lambda: L.Conv2DTranspose(6, **options),
        "separable": lambda: L.SeparableConv2D(6, **options),
        "grouped": lambda: L.Conv2D(6, groups=2, **options),
    }[kind]()


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.integers(0, 100))
def test_the_function_stays_the_same_on_random_graphs(data, seed):
    x = inputs = keras.Input((8, 8, 6))
    for _ in range(data.draw(st.integers(2, 4))):
        x = _conv(data.draw)(x)
        step = data.draw(st.sampled_from(["active", "between", "norm", "branch", "join"]))
        if step == "active":
            x = ACTIVE[data.draw(st.sampled_from(sorted(ACTIVE)))]()(x)
        elif step == "between":
            x = BETWEEN[data.draw(st.sampled_from(sorted(BETWEEN)))]()(x)
        elif step == "norm":
            x = L.ReLU()(L.BatchNormalization()(x))
        elif step == "branch":
            x = L.Concatenate()([L.Conv2D(3, 1)(x), L.DepthwiseConv2D(1)(x)])
            x = L.Conv2D(6, 1)(x)
        else:
            kind = data.draw(st.sampled_from([L.Add, L.Subtract, L.Maximum, L.Average]))
            x = kind()([x, L.Conv2D(6, 1)(L.BatchNormalization()(x))])
    ends = [L.GlobalAveragePooling2D(), L.GlobalMaxPooling2D(keepdims=True), L.Flatten()]
    x = L.Flatten()(ends[data.draw(st.integers(0, 2))](x))
    by = data.draw(st.sampled_from(["weights", "activations"]))
    run(uneven(keras.Model(inputs, L.Dense(3)(x)), seed), Equalize(by=by, gain=0))


def test_ranges_of_both_sides_are_equal_afterwards_through_flatten():
    inputs = keras.Input((6, 6, 3))
    x = L.Conv2D(5, 3, name="one", activation="relu")(inputs)
    model = uneven(keras.Model(inputs, L.Dense(4, name="two")(L.Flatten()(x))))
    outcome = run(model)
    one = np.abs(outcome.model.get_layer("one").kernel.numpy()).max(axis=(0, 1, 2))
    two = np.abs(outcome.model.get_layer("two").kernel.numpy()).reshape(16, 5, 4).max(axis=(0, 2))
    np.testing.assert_allclose(one, two, rtol=1e-2)
    assert outcome.figures["equalized"] == 1


def test_a_depthwise_layer_is_balanced_on_both_sides():
    inputs = keras.Input((6, 6, 3))
    x = L.ReLU()(L.BatchNormalization()(L.Conv2D(8, 1, use_bias=False)(inputs)))
    x = L.ReLU()(L.BatchNormalization()(L.DepthwiseConv2D(3, use_bias=False)(x)))
    outcome = run(uneven(keras.Model(inputs, L.Conv2D(4, 1)(x))))
    assert outcome.figures["equalized"] == 2


def _summed():
    inputs = keras.Input((8, 8, 3))
    x = stem = L.ReLU()(L.Conv2D(4, 3, padding="same", name="stem")(inputs))
    for number in range(3):
        y = L.Conv2D(4, 3, padding="same", name=f"in_{number}", activation="relu")(x)
        y = L.Conv2D(4, 1, name=f"out_{number}")(L.BatchNormalization()(L.MaxPooling2D(1)(y)))
        x = L.ReLU()(L.Add()([y, x]))
    x = L.Conv2D(4, 1, activation="tanh")(L.Maximum()([x, stem]))
    x = L.ReLU()(L.BatchNormalization(name="preact")(x))
    x = L.Conv2D(2, 1, name="head")(x)
    return uneven(keras.Model(inputs, L.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize("by", ["weights", "activations"])
def test_sums_let_all_that_they_add_take_the_same_factors(by):
    model, joined = _summed(), ("stem", "out_0", "out_1", "out_2")
    for name in joined:  # uneven in the same way, so that values want factors, too
        layer = model.get_layer(name)
        even = layer.kernel / np.abs(layer.kernel).max(axis=(0, 1, 2))
        layer.kernel.assign(even * [0.01, 0.1, 1.0, 3.0])
        layer.bias.assign([0.001, 0.01, 0.1, 0.3])
    outcome = run(model, Equalize(by=by))
    done = {t.layer: t.done for t in outcome.treatments if t.done}
    assert {*joined, "preact"} <= set(done)
    assert len({done[name] for name in joined}) == 1


def test_channels_of_like_range_are_left_as_they_were_trained():
    inputs = keras.Input((6, 6, 3))
    rng = np.random.default_rng(0)
    x = L.Conv2D(8, 3, activation="relu", name="maker")(inputs)
    model = keras.Model(inputs, L.Conv2D(4, 3, name="reader")(x))
    for layer in model.layers[1:]:
        layer.kernel.assign(rng.normal(size=layer.kernel.shape))
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    before = [np.array(v) for v in model.get_layer("maker").get_weights()]
    outcome = run(model, Equalize())
    assert outcome.figures["equalized"] == 0
    assert "like range" in said(outcome)["maker"]
    for old, new in zip(before, outcome.model.get_layer("maker").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert run(copy, Equalize(gain=0)).figures["equalized"] == 1


def test_values_that_are_not_rounded_cost_nothing():
    model = _summed()
    for name in ("stem", "out_0", "out_1", "out_2"):
        layer = model.get_layer(name)
        even = layer.kernel / np.abs(layer.kernel).max(axis=(0, 1, 2))
        layer.kernel.assign(even * [0.01, 0.1, 1.0, 3.0])
    counts = {}
    for name in ("tflite-int8", "openvino-int8-weights"):
        copy = keras.models.clone_model(model)
        copy.set_weights(model.get_weights())
        context = context_of(copy, target=Target.load(name))
        counts[name] = Equalize().run(flat(copy), context).figures["equalized"]
    assert counts["tflite-int8"] > counts["openvino-int8-weights"]


def test_activations_that_a_depthwise_layer_reads_get_one_range():
    inputs = keras.Input((6, 6, 3))
    x = L.Conv2D(8, 1, activation="relu", name="maker")(inputs)
    model = uneven(keras.Model(inputs, L.DepthwiseConv2D(3, name="reader")(x)))
    context = context_of(model)
    outcome = Equalize(by="activations").run(flat(model), context)
    watch = keras.Model(outcome.model.inputs, outcome.model.get_layer("maker").output)
    [batch] = context.samples.batches(16)
    most = np.asarray(watch([*batch.inputs.values()])).max(axis=(0, 1, 2))
    alive = most[most > 0]
    np.testing.assert_allclose(alive, alive[0], rtol=1e-3)


def test_one_dimension_and_dense_rows_and_channels_first():
    inputs = keras.Input((12, 3))
    x = L.MaxPooling1D(2)(L.Conv1D(4, 3, activation="relu")(inputs))
    x = L.Dense(5, activation="relu")(x)
    outcome = run(uneven(keras.Model(inputs, L.Dense(2)(L.Flatten()(x)))))
    assert outcome.figures["equalized"] == 2
    inputs = keras.Input((3, 8, 8))
    x = L.Conv2D(4, 1, data_format="channels_first", name="first")(inputs)
    model = keras.Model(inputs, L.Conv2D(2, 1, name="last")(x))
    assert "another axis" in said(WEIGHTS.run(flat(model), Context()))["first"]


def test_what_is_left_alone_says_why():
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(3, 1, name="added")(inputs)
    x = L.Conv2D(4, 1, name="capped")(L.Add(name="joined")([x, inputs]))
    x = L.Conv2D(4, 1, name="curved", activation="tanh")(L.ReLU(6.0, name="relu6")(x))
    shared = L.Conv2D(4, 1, name="shared")
    x = shared(shared(x))
    x = L.Conv2D(4, 1, name="odd")(x) + 1.0
    outcome = run(uneven(keras.Model(inputs, L.Conv2D(2, 1, name="end")(x))))
    reasons = said(outcome)
    assert "input" in reasons["added"]
    assert "Add" in reasons["odd"]
    assert "relu6 cuts off at 6" in reasons["capped"]
    assert "curved" in reasons["curved"]
    assert "shared" in reasons["shared"]
    assert "output" in reasons["end"]


def test_a_ceiling_goes_only_where_no_sample_comes_near_it():
    inputs = keras.Input((8,))
    x = L.ReLU(6.0, name="idle")(L.Dense(4, name="low")(inputs))
    x = L.ReLU(6.0, name="busy")(L.Dense(4, name="high")(x))
    model = uneven(keras.Model(inputs, L.Dense(2)(x)))
    for name, size in (("low", 0.01), ("high", 100.0)):
        kernel = model.get_layer(name).kernel
        kernel.assign(np.full(kernel.shape, size))
    outcome = run(model, Equalize(by="weights", relu6="replace"))
    assert "samples reach" in said(outcome)["high"]
    assert not said(outcome)["low"]
    assert outcome.model.get_layer("idle").max_value is None
    assert outcome.model.get_layer("busy").max_value == 6


def high_biased():
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(4, 1, name="one", activation="relu")(inputs)
    x = L.Conv2D(4, 3, name="two", activation="relu", use_bias=False)(x)
    model = uneven(keras.Model(inputs, L.Dense(2, name="three")(L.GlobalAveragePooling2D()(x))))
    model.get_layer("one").bias.assign([50.0, 0.0, 80.0, 0.0])
    return model


def test_high_biases_move_on_without_a_change_on_the_samples():
    model = high_biased()
    context = context_of(model)
    samples = next(iter(context.samples.batches(16))).inputs
    x = next(iter(samples.values()))
    before = model(x).numpy()
    plain = WEIGHTS.run(flat(model), context).model.get_layer("one")
    outcome = Equalize(by="weights", absorb="samples").run(flat(model), context)
    np.testing.assert_allclose(outcome.model(x), before, rtol=1e-4, atol=1e-4)
    assert outcome.figures["absorbed"] >= 2
    assert np.abs(outcome.model.get_layer("one").bias).max() < np.abs(plain.bias).max() / 2


def test_high_biases_of_batch_norms_move_on_without_samples():
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(4, 1, name="one", use_bias=False)(inputs)
    norm = L.BatchNormalization(name="norm")
    model = uneven(keras.Model(inputs, L.Conv2D(4, 3)(L.ReLU()(norm(x)))))
    norm.beta.assign([9.0, 0.0, 8.0, -1.0])
    norm.gamma.assign([0.5, 0.5, 0.5, 0.5])
    outcome = Equalize(by="weights", absorb="batch-norm").run(flat(model), Context())
    assert outcome.figures["absorbed"] == 2


def test_zeros_around_the_channels_let_no_bias_move():
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(4, 1, name="one", activation="relu")(inputs)
    model = uneven(keras.Model(inputs, L.Conv2D(4, 3, padding="same")(x)))
    model.get_layer("one").bias.assign(np.full(4, 50.0))
    assert run(model, Equalize(by="weights", absorb="samples")).figures["absorbed"] == 0


def test_several_inputs_and_outputs_keep_their_names():
    one, two = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    x = L.Concatenate()([L.Dense(4, activation="relu")(one), two])
    y = L.Dense(3, activation="relu")(L.Dense(3, activation="relu")(x))
    model = uneven(
        keras.Model({"a": one, "b": two}, {"y": y, "x": L.LSTM(2)(L.Reshape((2, 4))(x))})
    )
    outcome = run(model)
    assert outcome.model.output_names == model.output_names
    assert [t.name for t in outcome.model.inputs] == [t.name for t in model.inputs]


@pytest.mark.parametrize(
    "options", [{"rounds": -1}, {"relu6": "no"}, {"absorb": "all"}, {"by": "luck"}, {"gain": 1}]
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(OptionError, match="expected"):
        Equalize(**options)


def test_samples_are_asked_for_only_where_they_are_used():
    assert "calibration" not in WEIGHTS.needs
    assert "calibration" in Equalize().needs
    assert "calibration" in Equalize(by="weights", absorb="samples").needs
    inputs = keras.Input((4,))
    with pytest.raises(OptionError, match="--calibration"):
        Equalize().run(keras.Model(inputs, L.Dense(2)(inputs)), Context())
