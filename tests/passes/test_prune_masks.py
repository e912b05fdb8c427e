from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgekit.passes.masks import (
    MOST,
    block_mask,
    global_masks,
    keep_mask,
    sparsity_at,
    two_of_four,
)

floats = st.floats(-10, 10, width=32)
kernels = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=1, max_dims=4, max_side=7), elements=floats
)
shares = st.floats(0, 0.999)


@given(kernels, shares)
def test_mask_drops_the_exact_count_and_only_the_smallest(kernel, sparsity):
    mask = keep_mask(kernel, sparsity)

    assert mask.shape == kernel.shape
    assert np.count_nonzero(~mask) == int(sparsity * kernel.size)
    if mask.any() and not mask.all():
        assert np.abs(kernel[~mask]).max() <= np.abs(kernel[mask]).min()


@given(kernels, st.tuples(shares, shares).map(sorted))
def test_what_a_mask_zeroed_a_sparser_one_zeroes_too(kernel, sparsities):
    first = keep_mask(kernel, sparsities[0])
    second = keep_mask(kernel * first, sparsities[1])

    assert not (
        second
        & ~first
        & (np.count_nonzero(kernel * first == 0) <= int(sparsities[1] * kernel.size))
    ).any()


def test_equal_magnitudes_fall_in_memory_order():
    assert keep_mask(np.array([1.0, -1.0, 1.0, 1.0]), 0.5).tolist() == [False, False, True, True]


@given(st.lists(kernels, min_size=1, max_size=4), st.floats(0, 0.9))
def test_a_global_threshold_drops_the_exact_total_and_empties_no_kernel(found, sparsity):
    masks = global_masks(found, sparsity)

    total = sum(kernel.size for kernel in found)
    room = sum(int(MOST * kernel.size) for kernel in found)
    assert sum(np.count_nonzero(~m) for m in masks) == min(int(sparsity * total), room)
    for mask, kernel in zip(masks, found, strict=True):
        assert mask.shape == kernel.shape
        assert np.count_nonzero(~mask) <= MOST * kernel.size


def test_a_global_threshold_takes_more_from_smaller_weights():
    small, large = np.linspace(0.1, 0.2, 100), np.linspace(1, 2, 100)

    one, other = global_masks([small, large], 0.45)

    assert np.count_nonzero(~one) == 90
    assert other.all()


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.integers(1, 11), st.integers(1, 4)),
        elements=floats,
    ),
)
def test_two_of_four_holds_and_keeps_the_two_largest(kernel):
    mask = two_of_four(kernel, (1,))

    rows = np.moveaxis(kernel, 1, -1).reshape(-1, kernel.shape[1])
    kept = np.moveaxis(mask, 1, -1).reshape(rows.shape)
    for start in range(0, rows.shape[1], 4):
        group, keep = np.abs(rows[:, start : start + 4]), kept[:, start : start + 4]
        assert (keep.sum(axis=1) == min(2, group.shape[1])).all()
        best = np.sort(group, axis=1)[:, ::-1][:, :2].sum(axis=1)
        np.testing.assert_array_equal((group * keep).sum(axis=1), best)


def test_two_of_four_groups_over_several_axes_as_one():
    kernel = np.arange(1.0, 17.0).reshape(2, 4, 2)[:, :, :1]  # (heads, size, outputs)

    mask = two_of_four(kernel, (0, 1))

    assert mask[..., 0].tolist() == [[False, False, True, True]] * 2


def test_two_of_four_below_a_half_treats_those_groups_that_lose_least():
    kernel = np.array([[5, 6, 7, 8, 1, 2, 3, 4]], dtype=np.float32)

    assert two_of_four(kernel, (1,), 0.25).tolist() == [[True] * 4 + [False] * 2 + [True] * 2]


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(2, 13)), elements=floats),
    shares,
    st.sampled_from([2, 4]),
)
def test_blocks_fall_whole(kernel, sparsity, block):
    mask = block_mask(kernel, sparsity, block=block)

    whole = kernel.shape[1] - kernel.shape[1] % block
    blocks = mask[:, :whole].reshape(len(mask), -1, block)
    assert (blocks.all(axis=2) | ~blocks.any(axis=2)).all()
    dropped, asked = np.count_nonzero(~mask), int(sparsity * kernel.size)
    assert asked - block < dropped <= asked


def test_blocks_lie_along_the_axis_of_the_outputs():
    kernel = np.ones((4, 3), dtype=np.float32)
    kernel[:, 1] = 0.1

    assert block_mask(kernel, 0.4, block=4, axis=0).all(axis=0).tolist() == [True, False, True]


@given(st.integers(1, 1000), st.floats(0, 0.9), st.floats(0, 1))
def test_the_schedule_rises_from_initial_to_final(steps, final, part):
    initial = part * final
    values = [sparsity_at(t, steps=steps, final=final, initial=initial) for t in range(steps + 3)]

    assert values[0] == pytest.approx(initial)
    assert values[steps:] == [final] * 3
    assert all(a <= b + 1e-12 for a, b in pairwise(values))


def test_the_schedule_is_zhu_and_gupta_s():
    # s_t = s_f + (s_i - s_f) (1 - t / n)^3, at t / n = 1/4
    assert sparsity_at(25, steps=100, final=0.8, initial=0.2) == pytest.approx(0.8 - 0.6 * 0.421875)
