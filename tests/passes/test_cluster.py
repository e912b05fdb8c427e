import keras  # noqa: TID253
import numpy as np
import pytest

from edgekit.errors import OptionError, PassError
from edgekit.passes.base import Context
from edgekit.passes.cluster import Cluster
from edgekit.passes.graph import Graph, flat, rebuilt
from edgekit.passes.hooks import Sharing
from edgekit.passes.kmeans import clustered
from edgekit.passes.magnitude_prune import MagnitudePrune
from edgekit.passes.shared_values import Shared, put_back, sharing_layer
from edgekit.passes.weights import kernels, weights_of
from edgekit.progress import Silent
from edgekit.training import Trainer, TrainingOptions

L = keras.layers


def pictures():
    x = inputs = keras.Input((8, 8, 3), name="picture")
    shared = L.Conv2D(8, 3, padding="same", name="shared")
    x = L.Conv2D(8, 3, name="first")(x)
    x = L.Add(name="add")([shared(shared(x)), x])
    x = L.BatchNormalization(name="norm")(x)
    x = L.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, L.Dense(5, activation="softmax", name="last")(x))


def series():
    inputs = keras.Input((6, 4), name="series")
    x = L.Masking(name="mask")(inputs)
    x = L.Bidirectional(L.LSTM(5, return_sequences=True, dropout=0.1), name="both")(x)
    x = L.LayerNormalization(name="norm")(x)
    x = L.MultiHeadAttention(2, 4, dropout=0.1, name="attention")(x, x)
    x = L.GRU(6, name="gru")(x)
    return keras.Model(inputs, L.Dense(5, activation="softmax", name="last")(x))


def made(build):
    keras.utils.set_random_seed(3)
    return flat(build())


def trainer_of(model, folder):
    x = np.random.default_rng(0).normal(size=(64, *model.input_shape[1:])).astype("float32")
    y = x.reshape(64, -1).mean(axis=1).argsort().argsort() * 5 // 64
    np.savez(folder / "train.npz", x=x, y=y)
    options = TrainingOptions(epochs=1, batch_size=16, learning_rate=1e-2)
    return Trainer(model, str(folder / "train.npz"), options, folder=folder, progress=Silent())


def values(model):
    return {w.key: np.unique(w.read()).size for w in kernels(model)}


def test_each_kernel_keeps_few_values():
    outcome = Cluster(clusters=8, epochs=0).run(made(pictures), Context())

    assert values(outcome.model) == dict.fromkeys(values(outcome.model), 8)
    assert outcome.figures["values_most"] == 8
    assert outcome.figures["compressed_share"] < 0.5


@pytest.mark.parametrize("build", [pictures, pytest.param(series, marks=pytest.mark.slow)])
def test_the_values_are_trained_and_stay_few(build, tmp_path):
    model = made(build)
    still = Cluster(clusters=8, epochs=0).run(made(build), Context(seed=1)).model
    outcome = Cluster(clusters=8).run(model, Context(trainer=trainer_of(model, tmp_path), seed=1))

    assert max(values(outcome.model).values()) == 8
    for trained, before in zip(kernels(outcome.model), kernels(still), strict=True):
        same = np.unique(before.read(), return_inverse=True)[1]
        groups = np.unique(trained.read(), return_inverse=True)[1]
        assert len(set(zip(same.ravel(), groups.ravel(), strict=True))) == 8, "as it was grouped"
        assert not np.array_equal(trained.read(), before.read()), trained.key
    assert len(outcome.model.trainable_variables) == len(made(build).trainable_variables)
    outcome.model.save(tmp_path / "clustered.keras")
    again = keras.models.load_model(tmp_path / "clustered.keras")
    assert values(again) == values(outcome.model)


@pytest.mark.parametrize("build", [pictures, pytest.param(series, marks=pytest.mark.slow)])
def test_before_training_the_shared_layers_compute_as_the_model_does(build):
    model = made(build)
    layers = {}
    for layer in model.layers:
        parts = [
            Shared(weight=w, clusters=clustered(w.read(), 16, start="k-means++", seed=0))
            for w in weights_of(layer)
        ]
        for part in parts:
            part.weight.write(part.clusters.values)
        if parts:
            layers[layer.name] = sharing_layer(layer, parts)
    graph = Graph(model)
    nodes = {n.number: layers[n.layer.name] for n in graph.nodes if n.layer.name in layers}
    x = np.random.default_rng(0).normal(size=(3, *model.input_shape[1:])).astype("float32")
    x[1, 3:] = 0  # a masked end of the series

    result = rebuilt(graph, nodes).predict(x, verbose=0)

    np.testing.assert_allclose(result, model.predict(x, verbose=0), atol=1e-6)
    for layer in layers.values():
        put_back(layer)


def test_zeros_of_pruning_stay_and_count_as_one_value(tmp_path):
    model = MagnitudePrune(epochs=0, sparsity=0.6).run(made(pictures), Context()).model
    zeros = [w.read() == 0 for w in kernels(model)]

    outcome = Cluster(clusters=8).run(model, Context(trainer=trainer_of(model, tmp_path)))

    assert max(values(outcome.model).values()) == 8
    for zero, weight in zip(zeros, kernels(outcome.model), strict=True):
        assert np.array_equal(weight.read() == 0, zero)


def test_zeros_may_be_given_up():
    model = MagnitudePrune(epochs=0, sparsity=0.3).run(made(pictures), Context()).model

    Cluster(clusters=2, epochs=0, preserve_zeros=False).run(model, Context())

    assert all((w.read() != 0).all() for w in kernels(model))


def test_centroids_descend_along_the_mean_gradient_of_their_weights():
    keras.utils.set_random_seed(0)
    layer = L.Dense(3, use_bias=False, name="dense")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layer(inputs))
    (weight,) = weights_of(layer)
    found = clustered(weight.read(), 4, start="density", seed=0)
    weight.write(found.values)
    x = np.random.default_rng(1).normal(size=(5, 4)).astype("float32")
    y = np.random.default_rng(2).normal(size=(5, 3)).astype("float32")
    # the loss is the mean of (x w - y)^2
    gradient = 2 * x.T @ (x @ weight.read() - y) / y.size
    mean = np.array([gradient[found.indices == c].mean() for c in range(found.centroids.size)])
    expected = (found.centroids - 0.5 * mean)[found.indices]

    shared = sharing_layer(layer, [Shared(weight=weight, clusters=found)])
    training = rebuilt(Graph(model), {0: shared})
    training.compile(keras.optimizers.SGD(0.5), "mse", jit_compile=keras.backend.backend() == "jax")
    training.fit(x, y, batch_size=5, epochs=1, verbose=0)
    put_back(shared)

    np.testing.assert_allclose(weight.read(), expected, atol=1e-6)


def test_means_after_a_plain_step_are_the_same_descent():
    layer = L.Dense(3, use_bias=False, name="dense")
    layer.build((None, 4))
    (weight,) = weights_of(layer)
    found = clustered(weight.read(), 4, start="density", seed=0)
    step = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    weight.write((found.values + step).astype("float32"))

    Sharing([weight], [found.indices], [False]).project()

    mean = np.array([step[found.indices == c].mean() for c in range(found.centroids.size)])
    np.testing.assert_allclose(weight.read(), (found.centroids + mean)[found.indices], atol=1e-6)


def test_a_kernel_of_few_weights_is_skipped():
    inputs = keras.Input((2,))
    model = flat(keras.Model(inputs, L.Dense(2, name="tiny")(inputs)))

    (treatment,) = Cluster(epochs=0).run(model, Context()).treatments

    assert treatment.skipped == "4 weights are not more than 16 values"


def test_the_seed_decides():
    results = [
        Cluster(epochs=0).run(made(pictures), Context(seed=seed)).model.get_weights()[0]
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_what_would_undo_the_clusters_is_objected_to():
    cluster, prune = Cluster(), MagnitudePrune()

    assert cluster.objections(None, (prune, cluster)) == []
    assert "magnitude-prune" in cluster.objections(None, (cluster, prune))[0]


@pytest.mark.parametrize("options", [{"clusters": 1}, {"epochs": -1}, {"learning_rate": -1.0}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(OptionError, match=f"cluster: {next(iter(options))}"):
        Cluster(**options)


def test_without_training_data_it_says_what_to_do():
    with pytest.raises(PassError, match="epochs = 0"):
        Cluster().run(made(pictures), Context())
