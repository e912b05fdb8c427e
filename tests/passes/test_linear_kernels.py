"""The numpy kernels under folding, equalizing and rounding, by property."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.passes import rounding
from edgekit.passes.balance import Pair, Weights, equalize, equalizing_factors
from edgekit.passes.linear import layout as layouts
from edgekit.passes.linear.layout import Layout
from edgekit.passes.linear.moments import Moments, rectified

SEEDS = st.integers(0, 2**31)


@st.composite
def drawn(draw):
    """A layout, and a kernel of its shape."""
    form = draw(st.sampled_from(["dense", "convolution", "transposed", "depthwise"]))
    window = () if form == "dense" else tuple(draw(st.lists(st.integers(1, 3), max_size=3)))
    groups = draw(st.integers(1, 3)) if form == "convolution" else 1
    shape = (*window, draw(st.integers(1, 4)), groups * draw(st.integers(1, 4)))
    made = Layout(form=form, shape=shape, groups=groups)
    made = layouts.depthwise(shape) if form == "depthwise" else made
    return made, np.random.default_rng(draw(SEEDS)).normal(size=shape).astype("float32")


@given(drawn())
def test_packing_and_unpacking_gives_the_kernel_back(given_):
    layout, kernel = given_
    matrices = layout.pack(kernel)
    assert matrices.shape == (layout.groups, layout.taps * layout.inputs, layout.outputs)
    np.testing.assert_array_equal(layout.unpack(matrices), kernel)


@given(drawn(), SEEDS)
def test_ranges_scale_as_their_channels_do(given_, seed):
    layout, kernel = given_
    rng, matrices = np.random.default_rng(seed), layout.pack(kernel)
    out = rng.uniform(0.1, 5, layout.groups * layout.outputs)
    scaled = layouts.scale_outputs(layout, matrices, out)
    np.testing.assert_allclose(layouts.output_ranges(scaled), layouts.output_ranges(matrices) * out)
    into = rng.uniform(0.1, 5, layout.groups * layout.inputs)
    scaled = layouts.scale_inputs(layout, matrices, into)
    np.testing.assert_allclose(
        layouts.input_ranges(layout, scaled), layouts.input_ranges(layout, matrices) * into
    )
    constants = rng.normal(size=len(into))
    np.testing.assert_allclose(
        layouts.response(layout, scaled, constants),
        layouts.response(layout, matrices, constants * into),
        atol=1e-9,
    )


@given(st.lists(st.floats(1e-3, 1e3), min_size=1), SEEDS)
def test_after_equation_11_both_ranges_of_a_channel_are_their_geometric_mean(first, seed):
    first = np.array(first)
    second = np.random.default_rng(seed).uniform(1e-3, 1e3, len(first))
    factors = equalizing_factors(first, second)
    np.testing.assert_allclose(first / factors, np.sqrt(first * second))
    np.testing.assert_allclose(second * factors, np.sqrt(first * second))


def test_channels_without_weights_are_left_alone():
    np.testing.assert_array_equal(equalizing_factors(np.zeros(2), np.array([0.0, 3.0])), 1.0)


def chain(sizes, rng):
    """Dense kernels one after the other, and the pairs between them."""
    kernels = [
        Weights(
            layout=Layout(form="dense", shape=(a, b)),
            matrices=(rng.normal(size=(1, a, b)) * rng.uniform(0.01, 10, (1, 1, b))),
            bias=rng.normal(size=b),
        )
        for a, b in pairwise(sizes)
    ]
    pairs = [Pair(makers=[a], readers=[(b, 1)]) for a, b in pairwise(kernels)]
    return kernels, pairs


@settings(deadline=None)
@given(st.lists(st.integers(1, 6), min_size=4, max_size=6), SEEDS)
def test_equalizing_settles_with_equal_ranges_and_the_same_function(sizes, seed):
    rng = np.random.default_rng(seed)
    kernels, pairs = chain(sizes, rng)
    x = rng.normal(size=(5, sizes[0]))

    def run(x):
        for kernel in kernels:
            x = np.maximum(x @ kernel.matrices[0] + kernel.bias, 0)
        return x

    before = run(x)
    assert equalize(pairs, 200, 1e-4) < 200
    np.testing.assert_allclose(run(x), before, rtol=1e-9, atol=1e-9)
    for pair in pairs:
        made = layouts.output_ranges(pair.makers[0].matrices)
        read = layouts.input_ranges(pair.readers[0][0].layout, pair.readers[0][0].matrices)
        np.testing.assert_allclose(made, read, rtol=1e-2)


@pytest.mark.parametrize("most", [np.inf, 6.0])
@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (-1.0, 2.0), (5.0, 3.0), (2.0, 0.1)])
def test_the_mean_behind_a_rectifier_is_that_of_many_draws(mean, deviation, most):
    draws = np.random.default_rng(0).normal(mean, deviation, 400_000)
    told = rectified(Moments(means=np.array([mean]), deviations=np.array([deviation])), most)
    assert told[0] == pytest.approx(np.clip(draws, 0, most).mean(), abs=0.02)


@given(st.lists(st.floats(0.001, 0.999), min_size=1))
def test_the_rectified_sigmoid_is_undone(shares):
    values = rounding.inverse_rectified_sigmoid(np.array(shares))
    np.testing.assert_allclose(rounding.rectified_sigmoid(values), shares, atol=1e-9)


@given(st.floats(0.02, 0.98), st.floats(2, 20))
def test_the_slope_of_undecidedness_is_its_finite_difference(share, beta):
    def at(x):
        return rounding.undecidedness(np.array([x]), beta)[0][0]

    slope = rounding.undecidedness(np.array([share]), beta)[1][0]
    assert slope == pytest.approx((at(share + 1e-6) - at(share - 1e-6)) / 2e-6, rel=1e-3, abs=1e-4)


@st.composite
def problems(draw):
    groups, rows, outputs = (
        draw(st.integers(1, 3)),
        draw(st.integers(1, 9)),
        draw(st.integers(1, 4)),
    )
    rng = np.random.default_rng(draw(SEEDS))
    weights = rng.normal(size=(groups, rows, outputs))
    exact = (rng.normal(size=(groups, 64, rows)) + 1).astype("float32")
    biases = rng.normal(size=(groups, 1, outputs)).astype("float32")
    return rounding.Problem(
        weights=weights,
        inputs=exact + rng.normal(0, 0.05, exact.shape).astype("float32"),
        targets=(exact @ weights.astype("float32")) + biases,
        biases=biases,
        rectifier=draw(st.sampled_from(["linear", "relu", "relu6"])),
    )


@settings(deadline=None, max_examples=40)
@given(problems(), st.sampled_from([7, 64, 127]))
def test_learnt_integers_are_neighbours_keep_the_largest_and_are_never_worse(problem, top):
    integers = rounding.adaround(problem, rounding.Search(steps=60, rows=32), top)
    step = rounding.steps_of(problem.weights, top)
    assert np.abs(integers - problem.weights / step).max() < 1 + 1e-6
    np.testing.assert_array_equal(integers, np.rint(integers))
    np.testing.assert_array_equal(np.abs(integers).max(axis=1), top)
    np.testing.assert_allclose(rounding.steps_of(integers * step, top), step)
    plain = rounding.nearest(problem.weights, top) * step
    assert problem.share(integers * step, plain) <= 1 + 1e-6


def test_correlated_inputs_are_where_learning_pays():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(1, 64, 8))
    inputs = (rng.normal(size=(1, 2048, 3)) @ rng.normal(size=(1, 3, 64))).astype("float32")
    problem = rounding.Problem(
        weights=weights,
        inputs=inputs,
        targets=inputs @ weights.astype("float32"),
        biases=np.zeros((1, 1, 8), "float32"),
    )
    integers = rounding.adaround(problem, rounding.Search(), 7)
    step = rounding.steps_of(weights, 7)
    assert problem.share(integers * step, rounding.nearest(weights, 7) * step) < 0.3


@settings(deadline=None, max_examples=25)
@given(problems())
def test_the_slope_of_the_error_is_its_finite_difference(problem):
    ones = np.ones((len(problem.weights), 1, problem.weights.shape[2]), "float32")
    slope = rounding._slope(problem, problem.weights, slice(None), ones)
    direction = np.random.default_rng(0).normal(size=problem.weights.shape)
    there, here = (
        rounding._errors(problem, problem.weights + size * direction).sum()
        for size in (1e-2, -1e-2)
    )
    expected = (there - here) / 2e-2
    assert (slope * direction).sum() == pytest.approx(expected, rel=0.1, abs=0.05)


def test_beta_falls_from_20_to_2():
    betas = [rounding.annealed(done) for done in np.linspace(0, 1, 20)]
    assert betas[0] == 20
    assert betas[-1] == 2
    assert betas == sorted(betas, reverse=True)
