"""What may leave, what it saves, and what leaves first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgekit.errors import OptionError, PassError
from edgekit.passes.channel_prune import ChannelPrune
from edgekit.passes.channels.budget import loss, next_size, unit, within
from edgekit.passes.channels.costs import Costs
from edgekit.passes.channels.importance import by_filters, by_scales, norms, shares
from edgekit.passes.channels.latency import share_within
from edgekit.passes.channels.wiring import Group, wired
from edgekit.passes.graph import Graph, flat

keras = pytest.importorskip("keras")
layers = keras.layers


@given(st.integers(1, 4000), st.integers(1, 64))
def test_sizes_fall_to_smaller_multiples_and_end(size, step):
    seen = [size]
    while (smaller := next_size(seen[-1], step)) is not None:
        assert 0 < smaller < seen[-1]
        assert smaller % step == 0
        seen.append(smaller)
    assert seen[-1] <= step or seen == [size]
    assert len(seen) < 300


@given(st.integers(1, 32), st.lists(st.integers(1, 50), min_size=1, max_size=3))
def test_a_unit_keeps_every_maker_at_multiples(multiple, counts):
    group = Group(classes=np.arange(9), makers={str(i): c for i, c in enumerate(counts)})
    assert all(unit(group, multiple) * count % multiple == 0 for count in counts)


@given(st.floats(0.01, 10), st.floats(0.01, 1), st.floats(0.01, 1))
def test_loss_adds_up_and_grows_without_bound(whole, first, second):
    before, after = whole, whole * first
    last = after * second
    total = loss(whole, before, after) + loss(whole, after, last)
    assert total == pytest.approx(loss(whole, before, last), abs=1e-6)
    assert loss(whole, before, after) >= before - after - 1e-9
    assert loss(whole, before, 0.0) > 20 * whole


@given(arrays(np.float32, (3, 4, 5), elements=st.floats(-100, 100, width=32)), st.integers(0, 2))
def test_norms_are_those_of_the_slices(weights, axis):
    for kind, order in (("l1", 1), ("l2", 2)):
        slices = [np.take(weights, i, axis).reshape(-1) for i in range(weights.shape[axis])]
        wanted = [np.linalg.norm(s.astype(np.float64), order) for s in slices]
        np.testing.assert_allclose(norms(weights, axis, kind), wanted, rtol=1e-9)


@given(arrays(np.float64, 7, elements=st.floats(0, 1e6)))
def test_shares_add_up_to_one(scores):
    found = shares(scores)
    assert found.sum() == pytest.approx(1)
    ordered = found[np.argsort(scores, kind="stable")]
    assert (np.diff(ordered) >= 0).all()


def test_within_looks_at_every_cost():
    assert within((10, 10), (10.0, 10.0))
    assert not within((10, 11), (10.0, 10.0))
    assert not within((11, 1), (10.0, 10.0))


def model():
    x = inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(16, 3, padding="same", name="first")(x)
    x = layers.BatchNormalization(name="norm")(x)
    y = layers.Conv2D(16, 3, padding="same", groups=4, name="grouped")(x)
    y = layers.DepthwiseConv2D(3, padding="same", name="deep")(y)
    x = layers.Add()([x, y])
    x = layers.Conv2DTranspose(8, 2, strides=2, name="up")(x)
    return flat(keras.Model(inputs, layers.Dense(5, name="end")(layers.Flatten()(x))))


def test_multiply_accumulates_are_those_of_the_formulas():
    graph = Graph(model())
    wiring = wired(graph)
    places = 8 * 8
    wanted = places * (3 * 3 * 3 * 16 + 3 * 3 * 4 * 16 + 3 * 3 * 16 + 2 * 2 * 16 * 8) + (
        16 * 16 * 8 * 5
    )
    costs = Costs(graph, wiring).of(wiring.everything())
    assert costs == (wanted, graph.model.count_params())


def test_costs_of_fewer_channels_are_those_of_the_smaller_model():
    from edgekit.passes.channels.surgery import removed

    graph = Graph(model())
    wiring = wired(graph)
    keep = wiring.everything()
    for group in wiring.groups:
        keep[group.classes[::2]] = False
    expected = Costs(graph, wiring).of(keep)
    smaller = Graph(removed(graph, wiring, keep))
    again = wired(smaller)
    assert Costs(smaller, again).of(again.everything()) == expected
    assert expected[1] == smaller.model.count_params()


def test_groups_name_all_that_makes_a_channel():
    wiring = wired(Graph(model()))
    found = [(dict(group.makers), len(group.classes)) for group in wiring.groups]
    assert found == [({"first": 4, "grouped": 4}, 4), ({"up": 1}, 8)]


def test_filters_that_are_small_score_low_in_every_norm():
    built = model()
    kernel = built.get_layer("up").kernel
    values = keras.ops.convert_to_numpy(kernel).copy()
    values[:, :, 3] *= 0.01
    kernel.assign(values)
    gamma = np.ones(16, "float32")
    gamma[[1, 5, 9, 13]] = 0.01
    built.get_layer("norm").gamma.assign(gamma)
    wiring = wired(Graph(built))
    first, up = wiring.groups
    for kind in ("l1", "l2"):
        assert np.argmin(by_filters(wiring, kind)[up.classes]) == 3
    scales = by_scales(wiring)
    assert np.argmin(scales[first.classes]) == 1
    np.testing.assert_allclose(scales[up.classes], by_filters(wiring, "l2")[up.classes])


@keras.saving.register_keras_serializable("edgekit-tests")
class Mine(layers.Layer):
    def __init__(self, units, said=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.said = units, said

    def build(self, shape):
        self.matrix = self.add_weight(shape=(shape[-1], self.units), name="matrix")
        self.offset = self.add_weight(shape=(self.units,), name="offset")

    def call(self, x):
        return keras.ops.matmul(x, self.matrix) + self.offset

    def get_config(self):
        return {**super().get_config(), "units": self.units, "said": self.said}

    @property
    def edgekit_channels(self):
        return (lambda: self.said) if self.said else None


SAID = {"weights": {"matrix": ["in", "out"], "offset": ["out"]}, "counts": "units"}


def custom(said):
    x = inputs = keras.Input((6,))
    x = Mine(8, said, name="mine")(layers.Dense(12, name="before")(x))
    return flat(keras.Model(inputs, layers.Dense(2)(x)))


def test_custom_layers_hold_on_to_their_channels_unless_they_say_how_they_pass_on():
    wiring = wired(Graph(custom(None)))
    assert wiring.groups == ()
    assert wiring.unknown == {"mine": "how Mine passes channels on is not known"}
    wiring = wired(Graph(custom(SAID)))
    assert [dict(group.makers) for group in wiring.groups] == [{"before": 1}, {"mine": 1}]


@pytest.mark.parametrize(
    "said",
    [
        {"weights": {"matrix": ["in"]}, "counts": "units"},
        {"weights": {"nothing": ["in"]}, "counts": "units"},
        {"weights": {"matrix": ["out", "in"]}, "counts": "units"},
        {"weights": {"matrix": ["in", None]}},
        {"wieghts": {}},
    ],
)
def test_a_description_that_does_not_fit_is_refused(said):
    with pytest.raises(OptionError, match="edgekit_channels"):
        wired(Graph(custom(said)))


FREEZES = {
    "a custom layer": lambda x: Mine(8)(x),
    "softmax": lambda x: layers.Softmax()(x),
    "channels as positions": lambda x: layers.Permute((1, 3, 2))(x),
    "a slice of channels": lambda x: x[..., 1:5],
    "a mean over channels": lambda x: keras.ops.mean(x, axis=-1, keepdims=True),
    "a constant": lambda x: x * np.arange(8, dtype="float32"),
    "normalized over places": lambda x: layers.LayerNormalization(axis=[1, 2, 3])(x),
    "split": lambda x: keras.ops.split(x, 2, axis=-1)[0],
    "unit norm": lambda x: layers.UnitNormalization()(x),
}


@pytest.mark.parametrize("touch", FREEZES.values(), ids=FREEZES)
def test_what_mixes_or_orders_channels_holds_on_to_them(touch):
    x = inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same", name="held")(x)
    x = layers.Conv2D(5, 1, name="free")(touch(x))
    built = flat(keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x))))
    wiring = wired(Graph(built))
    assert [dict(group.makers) for group in wiring.groups] == [{"free": 1}]


def test_skipped_layers_keep_their_channels():
    wiring = wired(Graph(model()), skip=("gr*",))
    assert [dict(group.makers) for group in wiring.groups] == [{"up": 1}]
    assert "skipped by name" in wiring.reasons.values()


def test_the_largest_share_within_a_latency_is_found_in_a_few_measurements():
    asked: list[float] = []

    def measure(share):
        asked.append(share)
        kept = max(0.1, round(share * 16) / 16)
        return 1.0 + 9.0 * kept, kept

    assert share_within(measure, 6.0) == 0.5
    assert len(asked) <= 6


def test_a_latency_out_of_reach_is_refused_with_the_fastest_found():
    with pytest.raises(PassError, match=r"at most 1 ms, the fastest that was found takes 5\.05 ms"):
        share_within(lambda share: (5.0 + share * 3.2, share), 1.0)


def test_latency_needs_somebody_who_measures_and_excludes_macs():
    with pytest.raises(OptionError, match="macs or latency"):
        ChannelPrune(macs=0.5, latency=0.5)
    assert "latency" in ChannelPrune(latency=0.5).needs
    assert "latency" not in ChannelPrune(macs=0.5).needs
