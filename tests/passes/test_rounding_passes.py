"""correct-bias and adaround on whole models, and the walk that both make over them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgekit.artifact import TensorSpec
from edgekit.calibrate.sources import open_samples
from edgekit.errors import OptionError
from edgekit.passes import Context
from edgekit.passes.adaround import Adaround
from edgekit.passes.correct_bias import CorrectBias
from edgekit.passes.fold import FoldBatchnorm
from edgekit.passes.graph import Graph, flat
from edgekit.passes.linear.bias import mean_outputs
from edgekit.passes.linear.sampled import outputs_of, patches
from edgekit.passes.linear.taps import channels, gather, rows, window_of
from edgekit.passes.linear.view import linear
from edgekit.passes.linear.walk import walk
from edgekit.passes.simulate.grid import baked
from edgekit.target import Target

keras = pytest.importorskip("keras")
L = keras.layers


def warmed(model, seed=0):
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        for v in layer.variables:
            if v.dtype == "float32":
                spread = rng.uniform(0.5, 2.0, v.shape) if "variance" in v.name else None
                v.assign(rng.normal(0, 0.4, v.shape) if spread is None else spread)
    return model


def data_of(model, count=48, seed=5):
    """Return samples with strong correlations between neighbours, as real ones have."""
    rng = np.random.default_rng(seed)
    specs = [
        TensorSpec(name=str(t.name), shape=tuple(t.shape), dtype=str(t.dtype)) for t in model.inputs
    ]
    data = {}
    for spec in specs:
        if "int" in spec.dtype:
            data[spec.name] = rng.integers(0, 9, (count, *spec.shape[1:])).astype(spec.dtype)
            continue
        base = rng.normal(size=(count, *(1,) * (len(spec.shape) - 1))) + 0.5
        data[spec.name] = (base + rng.normal(0, 0.3, (count, *spec.shape[1:]))).astype("float32")
    return data, open_samples(data, specs)


def run(step, model, **values):
    data, samples = data_of(model)
    inputs = keras.tree.pack_sequence_as(
        model._inputs_struct, [data[str(t.name)] for t in model.inputs]
    )
    before = keras.tree.flatten(model(inputs, training=False))
    outcome = step.run(flat(model), Context(samples=samples, **values))
    after = keras.tree.flatten(outcome.model(inputs, training=False))
    arrays = [(np.asarray(a), np.asarray(b)) for a, b in zip(before, after, strict=True)]
    return outcome, arrays


def convolutional():
    inputs = keras.Input((10, 10, 3), name="picture")
    x = L.Conv2D(8, 3, use_bias=False, name="first")(inputs)
    x = skip = L.ReLU()(L.BatchNormalization()(x))
    x = L.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = L.ReLU(6.0)(x)
    x = L.SeparableConv2D(8, 3, padding="same", name="separable", depth_multiplier=2)(x)
    x = L.Add()([x, skip])
    x = L.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu", name="up")(x)
    x = L.Conv2D(6, 3, groups=2, strides=2, name="grouped")(x)
    return warmed(keras.Model(inputs, L.Dense(5, name="dense")(L.Flatten()(x))))


KERNELS = {
    "first": (0, 1, 2), "depthwise": (0, 1), "up": (0, 1, 3), "grouped": (0, 1, 2), "dense": (0,),
}  # fmt: skip


def on_grid(model, top):
    for name, axes in KERNELS.items():
        kernel = np.asarray(model.get_layer(name).kernel)
        np.testing.assert_allclose(baked(kernel, axes, top), kernel, rtol=1e-5, atol=1e-7)
    separable = model.get_layer("separable")
    for kernel, axes in ((separable.depthwise_kernel, (0, 1)), (separable.pointwise_kernel, 2)):
        kernel = np.asarray(kernel)
        axes = axes if isinstance(axes, tuple) else (0, 1, axes)
        np.testing.assert_allclose(baked(kernel, axes, top), kernel, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("step", [CorrectBias(bits=4), Adaround(bits=4, steps=100)])
def test_weights_lie_on_the_grid_that_exporters_find_and_the_largest_stays(step):
    model = convolutional()
    outcome, _ = run(step, model)
    on_grid(outcome.model, 7)
    folded = FoldBatchnorm().run(flat(model), Context()).model
    for name, axes in KERNELS.items():
        old, new = (
            np.abs(m.get_layer(name).kernel).max(axis=axes) for m in (folded, outcome.model)
        )
        np.testing.assert_allclose(new, old, rtol=1e-6)


def test_the_target_says_how_many_bits_there_are():
    model = convolutional()
    for name, top in (("tflite-int8", 127), ("onnx-int8", 64), ("tflite-int4-weights", 7)):
        outcome, _ = run(CorrectBias(), model, target=Target.load(name))
        on_grid(outcome.model, top)


def test_mean_outputs_stay_what_they_were_and_so_does_more_of_the_output():
    def off(step):
        _, [(before, after)] = run(step, convolutional())
        return np.abs((after - before).mean(axis=0)).max(), np.square(after - before).mean()

    plain = convolutional()
    folded = FoldBatchnorm().run(flat(plain), Context()).model
    for name, axes in KERNELS.items():
        kernel = folded.get_layer(name).kernel
        kernel.assign(baked(np.asarray(kernel), axes, 7))
    data, _ = data_of(plain)
    error = np.asarray(folded(data["picture"])) - np.asarray(plain(data["picture"]))
    mean, square = off(CorrectBias(bits=4))
    learnt_mean, learnt_square = off(Adaround(bits=4))
    assert mean < 1e-4 > learnt_mean  # dense is the last, so its mean is exact
    assert learnt_square < square < np.square(error).mean()


def test_batch_norms_tell_the_mean_without_data():
    inputs = keras.Input((8, 8, 4))
    x = L.BatchNormalization(name="entry")(inputs)
    x = L.Conv2D(16, 1, name="one")(L.ReLU()(x))
    model = warmed(keras.Model(inputs, x))
    rng = np.random.default_rng(0)
    norm = model.get_layer("entry")
    x = rng.normal(norm.moving_mean, np.sqrt(norm.moving_variance), (200, 8, 8, 4))
    before = np.asarray(model(x.astype("float32"))).mean(axis=(0, 1, 2))
    outcome = CorrectBias(by="batch-norm", bits=2).run(flat(model), Context())
    after = np.asarray(outcome.model(x.astype("float32"))).mean(axis=(0, 1, 2))
    kernel = model.get_layer("one").kernel
    kernel.assign(baked(np.asarray(kernel), (0, 1, 2), 1))
    plain = np.asarray(model(x.astype("float32"))).mean(axis=(0, 1, 2))
    assert np.abs(after - before).max() < 0.02
    assert np.abs(plain - before).max() > 0.1


def test_layers_without_known_means_are_listed():
    inputs = keras.Input((4,))
    model = warmed(keras.Model(inputs, L.Dense(2, name="dense")(inputs)))
    outcome = CorrectBias(by="batch-norm").run(flat(model), Context())
    assert "calibration samples would" in outcome.treatments[0].skipped
    np.testing.assert_array_equal(outcome.model.layers[-1].kernel, model.layers[-1].kernel)


@pytest.mark.parametrize("step", [CorrectBias(), Adaround(steps=20)])
def test_recurrent_shared_masked_and_several_inputs_and_outputs(step):
    words, signal = keras.Input((6,), dtype="int32", name="w"), keras.Input((6, 3), name="s")
    x = L.Embedding(9, 4, mask_zero=True, name="embedding")(words)
    x = L.LSTM(5, name="lstm")(L.Dense(4, name="dense")(x))
    shared = L.Dense(4, activation="relu", name="shared")
    y = L.Dense(4, name="wide")(shared(shared(L.Conv1D(4, 3, padding="causal")(signal))))
    y = L.GlobalAveragePooling1D()(y)
    model = warmed(keras.Model([words, signal], {"a": L.Concatenate()([x, y]), "b": L.Dense(2)(y)}))
    outcome, arrays = run(step, model)
    reasons = {t.layer: t.skipped for t in outcome.treatments if t.skipped}
    assert "conversion" in reasons["lstm"]
    assert "conversion" in reasons["embedding"]
    assert "2 calls" in reasons["shared"]
    assert outcome.model.output_names == model.output_names
    for before, after in arrays:
        assert np.abs(after - before).max() < 0.1 * np.abs(before).max()


def test_skip_names_layers_that_stay():
    outcome, _ = run(Adaround(steps=0, skip=("d*",)), convolutional())
    reasons = {t.layer: t.skipped for t in outcome.treatments if t.skipped}
    assert {name for name, why in reasons.items() if "skip" in why} == {"depthwise", "dense"}


def test_learning_is_reproducible_and_steps_count():
    kernels = []
    for seed in (0, 0, 1):
        outcome, _ = run(Adaround(bits=4, steps=50), convolutional(), seed=seed)
        kernels.append(np.asarray(outcome.model.get_layer("grouped").kernel))
        assert outcome.figures["error_share"] < 0.9
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert np.any(kernels[0] != kernels[2])


def test_results_load_without_edgekit_and_layers_keep_their_activation(tmp_path):
    outcome, [(_, after)] = run(CorrectBias(), convolutional())
    outcome.model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    data, _ = data_of(again)
    np.testing.assert_allclose(again(data["picture"]), after, atol=1e-6)
    assert again.get_layer("up").activation is keras.activations.relu


@pytest.mark.parametrize("options", [{"bits": 1}, {"bits": 9}, {"by": "guess"}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(OptionError, match="expected"):
        CorrectBias(**options)


@pytest.mark.parametrize("options", [{"steps": -1}, {"learning_rate": 0}, {"regularization": -1.0}])
def test_adaround_refuses_options_out_of_range(options):
    with pytest.raises(OptionError, match="expected"):
        Adaround(**options)


def test_objections_to_what_undoes_another_pass():
    assert Adaround().objections(None, (CorrectBias(), Adaround())) == []
    late = CorrectBias(by="batch-norm")
    assert "no batch norms" in late.objections(None, (FoldBatchnorm(), late))[0]
    with pytest.raises(OptionError, match="--calibration"):
        Adaround().run(convolutional(), Context())


SPATIAL = [
    (L.Conv1D, 1, {"filters": 4, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}),
    (L.Conv2D, 2, {"filters": 6, "kernel_size": (2, 3), "strides": (2, 1), "padding": "same"}),
    (L.Conv2D, 2, {"filters": 6, "kernel_size": 3, "groups": 2, "data_format": "channels_last"}),
    (L.Conv3D, 3, {"filters": 2, "kernel_size": 2, "padding": "same", "strides": 2}),
    (L.DepthwiseConv1D, 1, {"kernel_size": 3, "depth_multiplier": 2, "padding": "same"}),
    (L.DepthwiseConv2D, 2, {"kernel_size": 3, "strides": 2, "padding": "same"}),
    (L.Conv1DTranspose, 1, {"filters": 3, "kernel_size": 4, "strides": 3, "padding": "same"}),
    (L.Conv2DTranspose, 2, {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "valid"}),
    (L.Conv2DTranspose, 2, {"filters": 3, "kernel_size": 2, "strides": 3, "padding": "same"}),
    (L.Conv2DTranspose, 2, {"filters": 3, "kernel_size": 3, "dilation_rate": 2}),
    (L.Conv3DTranspose, 3, {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same"}),
    (L.Dense, 0, {"units": 5}),
    (L.Dense, 2, {"units": 5}),
]


@pytest.mark.parametrize(("kind", "rank", "options"), SPATIAL)
def test_patches_times_kernel_is_what_the_layer_gives(kind, rank, options):
    layer = kind(**options)
    x = np.random.default_rng(0).normal(size=(3, *(7, 8, 5)[:rank], 4)).astype("float32")
    wanted = np.asarray(layer(x))
    view = linear(layer)
    sizes = outputs_of(view, x.shape)
    places = np.stack(np.unravel_index(np.arange(3 * int(np.prod(sizes))), (3, *sizes)), axis=1)
    layout = view.kernels[0].layout
    read = gather(x, places, window_of(layer, layout, rank), sizes)
    made = channels(rows(layout, read) @ view.kernels[0].read()).reshape(wanted.shape)
    np.testing.assert_allclose(made, wanted, atol=1e-4)
    np.testing.assert_allclose(
        mean_outputs(view, [x]), wanted.reshape(-1, wanted.shape[-1]).mean(0), atol=1e-4
    )


def test_a_layer_with_channels_first_is_read_along_its_own_axis():
    layer = L.Conv2D(4, 1, data_format="channels_first")
    layer.build((None, 3, 5, 6))
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 6)).astype("float32")
    read = patches(linear(layer), [x], [2 * x], np.random.default_rng(0))
    assert read.exact.shape == (60, 1, 3)
    np.testing.assert_allclose(read.changed, 2 * read.exact)


@pytest.mark.parametrize("held", [0, 2**30])
def test_the_walk_sees_the_model_as_it_came_and_as_it_becomes(held):
    inputs = keras.Input((4,), name="x")
    x = L.Dense(4, name="one")(inputs)
    x = L.Add()([L.Dense(4, name="two")(x), x])
    model = warmed(keras.Model(inputs, L.Dense(2, name="three")(x)))
    before = keras.Model(inputs, x)
    data, samples = data_of(model, count=40)
    wanted = np.asarray(before(data["x"]))
    graph, seen = Graph(model), {}

    def change(stop):
        seen[stop.node.name] = (np.concatenate(stop.exact), np.concatenate(stop.changed))
        stop.node.layer.kernel.assign(stop.node.layer.kernel * 1.5)

    stops = {node.number for node in graph.nodes if node.kind == "Dense"}
    walk(graph, samples, stops, change, held=held)
    assert list(seen) == ["one", "two", "three"]
    np.testing.assert_array_equal(seen["one"][0], seen["one"][1])
    np.testing.assert_allclose(seen["three"][0], wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        seen["three"][1], np.asarray(before(data["x"])), rtol=1e-5, atol=1e-5
    )


def test_a_context_without_a_target_means_eight_bits():
    outcome, _ = run(CorrectBias(), convolutional())
    on_grid(outcome.model, 127)
    same = replace(Context(), seed=3)
    assert same.target is None
