from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit.passes import Context
from edgekit.passes.fold import FoldBatchnorm
from edgekit.passes.graph import flat

keras = pytest.importorskip("keras")
L = keras.layers


def warmed(model, seed=0):
    """Give every weight, and every statistic, a value that shows mistakes."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        for v in layer.variables:
            if v.dtype == "float32":
                spread = rng.uniform(0.5, 2.0, v.shape) if "variance" in v.name else None
                v.assign(rng.normal(0, 0.4, v.shape) if spread is None else spread)
    return model


def fold(model):
    inputs = [np.random.default_rng(1).normal(size=(2, *t.shape[1:])) for t in model.inputs]
    inputs = [x.astype("float32") for x in inputs]
    inputs = keras.tree.pack_sequence_as(model._inputs_struct, inputs)
    before = keras.tree.flatten(model(inputs, training=False))
    outcome = FoldBatchnorm().run(flat(model), Context())
    after = keras.tree.flatten(outcome.model(inputs, training=False))
    for old, new in zip(before, after, strict=True):
        old, new = map(keras.ops.convert_to_numpy, (old, new))
        np.testing.assert_allclose(new, old, atol=1e-5 * max(1.0, np.abs(old).max()))
    return outcome


def kinds(outcome):
    return [type(layer).__name__ for layer in outcome.model.layers]


def reasons(outcome):
    return {t.layer: t.skipped for t in outcome.treatments if t.skipped}


SPATIAL = {
    1: (L.Conv1D, L.Conv1DTranspose, L.DepthwiseConv1D, L.SeparableConv1D),
    2: (L.Conv2D, L.Conv2DTranspose, L.DepthwiseConv2D, L.SeparableConv2D),
    3: (L.Conv3D, L.Conv3DTranspose),
}


def chain(draw):
    """A chain of linear layers, activations and batch norms, sometimes with a branch."""
    rank = draw(st.sampled_from([0, 1, 1, 2, 2, 2, 3]))
    x = inputs = keras.Input((*(7 for _ in range(rank)), 4))
    for _ in range(draw(st.integers(2, 5))):
        step = draw(st.sampled_from(["linear", "linear", "norm", "norm", "relu", "branch"]))
        if step == "linear":
            x = _drawn_linear(draw, rank)(x)
        elif step == "norm":
            x = L.BatchNormalization(scale=draw(st.booleans()), center=draw(st.booleans()))(x)
        elif step == "relu":
            x = L.ReLU()(x)
        else:
            x = L.Concatenate()([x, L.BatchNormalization()(x)])
    return keras.Model(inputs, x)


def _drawn_linear(draw, rank):
    options = {"use_bias": draw(st.booleans())}
    if rank == 0:
        return L.Dense(4, **options)
    kind = draw(st.sampled_from(SPATIAL[rank]))
    options["padding"] = draw(st.sampled_from(["same", "valid"]))
    options["kernel_size"] = draw(st.sampled_from([1, 2]))
    if "Depthwise" not in kind.__name__:
        options["filters"] = 4
    return kind(**options)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.integers(0, 100))
def test_the_function_stays_the_same_on_random_graphs(data, seed):
    fold(warmed(chain(data.draw), seed))


@pytest.mark.parametrize("kind", [k for row in SPATIAL.values() for k in row] + [L.Dense])
def test_every_linear_kind_takes_up_the_norm_behind_it(kind):
    rank = next((r for r, row in SPATIAL.items() if kind in row), 0)
    options = {} if rank == 0 else {"kernel_size": 3, "padding": "same"}
    if rank == 0:
        options["units"] = 6
    elif "Depthwise" in kind.__name__:
        options["depth_multiplier"] = 2
    else:
        options["filters"] = 6
    inputs = keras.Input((*(6,) * rank, 4))
    x = kind(use_bias=False, name="it", **options)(inputs)
    outcome = fold(warmed(keras.Model(inputs, L.ReLU()(L.BatchNormalization()(x)))))
    assert "BatchNormalization" not in kinds(outcome)
    assert outcome.model.get_layer("it").use_bias


def test_grouped_and_strided_and_dilated_convolutions():
    inputs = keras.Input((12, 12, 4))
    x = L.Conv2D(6, 3, groups=2, strides=2)(inputs)
    x = L.BatchNormalization()(x)
    x = L.Conv2D(4, 2, dilation_rate=2)(x)
    outcome = fold(warmed(keras.Model(inputs, L.BatchNormalization()(x))))
    assert "BatchNormalization" not in kinds(outcome)


def test_a_norm_goes_into_all_valid_layers_behind_it():
    inputs = keras.Input((8, 8, 3))
    x = L.BatchNormalization(name="bn")(inputs)
    one, two = L.Conv2D(4, 3, activation="relu")(x), L.DepthwiseConv2D(3, use_bias=False)(x)
    outcome = fold(warmed(keras.Model(inputs, [one, two])))
    assert "BatchNormalization" not in kinds(outcome)


def test_zero_padding_keeps_a_norm_that_shifts_and_none_that_only_scales():
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(4, 3, padding="same")(L.BatchNormalization(name="bn")(inputs))
    model = warmed(keras.Model(inputs, x))
    assert "pads with zeros" in reasons(fold(model))["bn"]
    norm = model.get_layer("bn")
    norm.moving_mean.assign(np.zeros(3))
    norm.beta.assign(np.zeros(3))
    assert "BatchNormalization" not in kinds(fold(model))


def test_what_cannot_be_folded_says_why():
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(4, 3, name="active", activation="relu")(inputs)
    x = L.ReLU()(L.BatchNormalization(name="after_active")(x))
    conv = L.Conv2D(4, 1, name="read_twice")(x)
    y = L.ReLU()(L.BatchNormalization(name="branch")(conv))
    x = L.ReLU()(L.BatchNormalization(name="after_add")(L.Add()([conv, y])))
    said = reasons(fold(warmed(keras.Model(inputs, x))))
    assert "activation" in said["after_active"]
    assert "others read read_twice" in said["branch"]
    assert "Add" in said["after_add"]


def test_a_shared_layer_is_folded_where_the_same_norm_follows_each_call():
    one, two = keras.Input((8,)), keras.Input((8,))
    dense, norm = L.Dense(5, use_bias=False), L.BatchNormalization()
    x = L.Concatenate()([norm(dense(one)), norm(dense(two))])
    outcome = fold(warmed(keras.Model([one, two], x)))
    assert "BatchNormalization" not in kinds(outcome)


def test_a_shared_layer_with_different_norms_is_left_alone():
    one, two = keras.Input((8,)), keras.Input((8,))
    dense = L.Dense(5, name="dense")
    x = L.Add()([L.BatchNormalization()(dense(one)), L.BatchNormalization()(dense(two))])
    outcome = fold(warmed(keras.Model([one, two], x)))
    stay = [t for t in outcome.treatments if t.skipped and t.skipped != "it is no batch norm"]
    assert len(stay) == 2


def test_a_norm_that_two_layers_share_goes_into_both():
    inputs = keras.Input((8,))
    norm = L.BatchNormalization()
    x = L.Add()([norm(L.Dense(5)(inputs)), norm(L.Dense(5)(inputs))])
    assert "BatchNormalization" not in kinds(fold(warmed(keras.Model(inputs, x))))


def test_a_norm_in_training_mode_and_a_subclass_stay():
    class Mine(L.BatchNormalization):
        pass

    inputs = keras.Input((8,))
    x = Mine(name="mine")(L.Dense(4)(inputs))
    outcome = fold(warmed(keras.Model(inputs, x)))
    assert "Mine" in kinds(outcome)
    trained = keras.Model(
        inputs, L.BatchNormalization(name="bn")(L.Dense(4)(inputs), training=True)
    )
    assert "statistics of the batch" in reasons(FoldBatchnorm().run(flat(trained), Context()))["bn"]


def test_outputs_keep_their_names_and_a_model_saves_without_edgekit(tmp_path):
    inputs = keras.Input((8,), name="signal")
    x = L.Dense(4, use_bias=False, name="dense")(inputs)
    model = warmed(keras.Model(inputs, {"score": L.BatchNormalization(name="bn")(x)}))
    outcome = fold(model)
    assert outcome.model.output_names == model.output_names
    assert outcome.figures["folded"] == 1
    outcome.model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    x = np.ones((1, 8), "float32")
    np.testing.assert_array_equal(again(x)["score"], outcome.model(x)["score"])


def test_channels_first_is_folded_along_its_own_axis():
    inputs = keras.Input((3, 8, 8))
    x = L.Conv2D(4, 1, data_format="channels_first", name="conv")(inputs)
    last = keras.Model(inputs, L.BatchNormalization(axis=-1, name="bn")(x))
    said = reasons(FoldBatchnorm().run(flat(last), Context()))
    assert "another axis" in said["bn"]
    first = keras.Model(inputs, L.BatchNormalization(axis=1)(x))
    assert "BatchNormalization" not in kinds(FoldBatchnorm().run(flat(first), Context()))
