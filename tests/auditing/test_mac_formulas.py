import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.auditing import macs


def test_values_worked_out_by_hand():
    # 3x3 convolution, 3 > 8 channels, 16x16 out: 16*16*8 outputs, each 27 products
    assert macs.convolution((1, 16, 16, 8), (3, 3), channels=3) == 55_296
    # depthwise: one channel for each output
    assert macs.convolution((1, 16, 16, 8), (3, 3), channels=1) == 18_432
    # transposed 2x2, 4x4x8 in, 5 out: each of 128 inputs goes into 2*2*5 sums
    assert macs.transposed_convolution((1, 4, 4, 8), (2, 2), channels=5) == 2_560
    assert macs.matmul((2, 7, 5), 6) == 420
    # LSTM with 28 inputs, 20 units, 28 steps: 4 gates of (28 + 20) x 20
    assert macs.recurrent(28, [(20, 28)] * 4 + [(20, 20)] * 4) == 107_520
    assert macs.attention((2, 3, 4, 8), (2, 3, 5, 8), value=(2, 3, 5, 6)) == 2 * 3 * 4 * 5 * (8 + 6)
    assert macs.einsum("abc,cd->abd", [(2, 3, 4), (4, 5)]) == 120


@pytest.mark.parametrize("shape", [(None, 5), (1, 5)])
def test_an_open_batch_counts_as_one(shape):
    assert macs.matmul(shape, 3) == 15


def test_unknown_rank_or_misfit_counts_as_nothing():
    assert macs.convolution(None, (3, 3), channels=3) == 0
    assert macs.attention(None, (1, 2), value=(1, 2)) == 0
    assert macs.einsum("ab,bc->ac", [(2, 3)]) == 0
    assert macs.einsum("...b,bc->...c", [(2, 3), (3, 4)]) == 0


@given(
    st.integers(1, 4), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2)
)
def test_a_convolution_costs_what_a_loop_counts(side, filters, window, channels, batch):
    counted = sum(1 for _ in np.ndindex(batch, side, side, filters, window, window, channels))
    assert (
        macs.convolution((batch, side, side, filters), (window, window), channels=channels)
        == counted
    )


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
def test_einsum_and_matmul_agree(rows, inner, columns):
    summed = macs.einsum("ab,bc->ac", [(rows, inner), (inner, columns)])
    assert summed == macs.matmul((rows, columns), inner)
