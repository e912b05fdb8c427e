from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.calibrate.choice import choose, divide, shares


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(1, 400), st.integers(0, 5))
def test_choice_is_without_replacement_and_repeatable(length, count, seed):
    chosen = choose(length, count, seed=seed)
    assert len(chosen) == min(length, count)
    assert (np.diff(chosen) > 0).all()
    assert set(chosen) <= set(range(length))
    assert np.array_equal(chosen, choose(length, count, seed=seed))


def test_seeds_choose_differently():
    assert not np.array_equal(choose(1000, 50, seed=0), choose(1000, 50, seed=1))


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), min_size=2, max_size=300), st.integers(1, 300))
def test_choice_keeps_the_proportions_of_classes(classes, count):
    labels = np.array(classes)
    count = min(count, len(labels))
    chosen = labels[choose(len(labels), count, classes=labels)]
    assert len(chosen) == count
    present = np.unique(labels)
    for label in present:
        share = (labels == label).mean() * count
        if count >= len(present):
            assert (chosen == label).sum() >= 1
        assert abs((chosen == label).sum() - share) < len(present) + 1


@settings(deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.data())
def test_shares_sum_up_and_stay_within_sizes(sizes, data):
    have = np.array(sizes)
    count = data.draw(st.integers(1, int(have.sum())))
    quotas = shares(have, count)
    assert quotas.sum() == count
    assert (quotas >= 0).all()
    assert (quotas <= have).all()


@settings(deadline=None)
@given(st.integers(2, 200), st.floats(0.01, 0.99))
def test_division_is_disjoint_complete_and_never_empty(length, share):
    kept, held = divide(length, share)
    assert len(kept)
    assert len(held)
    assert sorted([*kept, *held]) == list(range(length))


def test_division_is_stratified():
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    _, held = divide(100, 0.2, classes=labels)
    assert np.bincount(labels[held]).tolist() == [10, 6, 4]
