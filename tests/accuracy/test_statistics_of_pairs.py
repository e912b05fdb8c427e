from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.accuracy import paired

COUNTS = st.integers(0, 40)


@pytest.mark.parametrize(
    ("to_wrong", "to_right", "p"),
    # 2 * sum of binomial(n, i) / 2^n, by hand.
    [(0, 0, 1.0), (5, 5, 1.0), (1, 0, 1.0), (0, 5, 2 / 32), (1, 6, 16 / 128), (10, 0, 2 / 1024)],
)
def test_mcnemar_exact(to_wrong, to_right, p):
    assert paired.mcnemar_p(to_wrong, to_right) == pytest.approx(p)


@settings(deadline=None)
@given(COUNTS, COUNTS)
def test_mcnemar_is_symmetric(b, c):
    assert paired.mcnemar_p(b, c) == paired.mcnemar_p(c, b)
    assert 0 < paired.mcnemar_p(b, c) <= 1


@settings(deadline=None)
@given(COUNTS, COUNTS, st.integers(0, 100))
def test_the_interval_holds_the_drop_mirrors_and_has_a_width(b, c, same):
    samples = max(1, b + c + same)
    low, high = paired.agresti_min(b, c, samples)
    drop = (b - c) / samples
    assert -1 <= low < high <= 1
    assert low <= drop + 1e-12
    assert drop <= high + 1e-12
    assert paired.agresti_min(c, b, samples) == pytest.approx((-high, -low))


@pytest.mark.parametrize(("up", "down"), [(0.05, 0.05), (0.10, 0.02), (0.02, 0.0), (0.3, 0.2)])
def test_the_interval_covers_the_truth_about_95_times_in_100(up, down):
    samples, covered = 40, 0.0
    for b, c in itertools.product(range(samples + 1), repeat=2):
        if b + c > samples:
            continue
        rest = samples - b - c
        ways = math.comb(samples, b) * math.comb(samples - b, c)
        chance = ways * up**b * down**c * (1 - up - down) ** rest
        low, high = paired.agresti_min(b, c, samples)
        covered += chance * (low <= up - down <= high)
    assert 0.93 <= covered <= 1


def test_bootstrap_means_vary_as_the_mean_does():
    rng = np.random.default_rng(0)
    pairs = rng.normal(size=(400, 2)) + np.array([1.0, 0.5])
    means = paired.bootstrap_means(pairs, count=3000, seed=1)
    assert means.shape == (3000, 2)
    delta = means[:, 0] - means[:, 1]
    truth = (pairs[:, 0] - pairs[:, 1]).std() / 20
    assert delta.std() == pytest.approx(truth, rel=0.1)
    assert np.array_equal(means, paired.bootstrap_means(pairs, count=3000, seed=1))


def test_bootstrap_works_in_pieces(monkeypatch):
    pairs = np.random.default_rng(0).normal(size=(50, 2))
    monkeypatch.setattr(paired, "_CELLS", 130)
    assert paired.bootstrap_means(pairs, count=17).shape == (17, 2)


def test_pairs_are_resampled_together():
    one = np.random.default_rng(0).normal(size=100)
    means = paired.bootstrap_means(np.stack([one, one + 3], axis=1))
    assert means[:, 1] - means[:, 0] == pytest.approx(3)


def test_strata_keep_their_sizes():
    strata = np.array([0] * 7 + [1] * 3)
    for index in paired.resamples(10, 20, seed=0, strata=strata):
        assert strata[index].tolist() == strata.tolist()


def test_bootstrap_p_is_never_zero_and_one_without_difference():
    assert paired.bootstrap_p(np.zeros(100)) == 1
    assert 0 < paired.bootstrap_p(np.ones(100)) < 0.03
