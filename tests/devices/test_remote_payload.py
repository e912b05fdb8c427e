"""Samples on their way to a board, and outputs on their way back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.artifact import Artifact, TensorSpec
from edgekit.devices.remote.payload import real_outputs
from edgekit.devices.remote.protocol import RawArray
from edgekit.devices.stored import stored_batches
from edgekit.errors import DeviceError


def artifact(batch: int | None, scale: float | None) -> Artifact:
    """Output = input, two values a sample."""
    dtype, zero = ("float32", None) if scale is None else ("int8", 3)
    spec = TensorSpec(name="x", shape=(batch, 2), dtype=dtype, scale=scale, zero_point=zero)
    return Artifact(path=Path("model.tflite"), format="tflite", inputs=(spec,), outputs=(spec,))


def raw(array: np.ndarray) -> RawArray:
    return RawArray(dtype=array.dtype.name, shape=array.shape, data=array.tobytes())


@given(
    rows=st.integers(1, 7), batch=st.sampled_from([None, 1, 3]), scale=st.sampled_from([None, 0.5])
)
def test_what_is_sent_comes_back_as_the_same_numbers(
    rows: int, batch: int | None, scale: float | None
) -> None:
    file = artifact(batch, scale)
    samples = {"x": 0.5 * np.arange(2.0 * rows, dtype=np.float32).reshape(rows, 2)}
    batches = stored_batches(file, samples)
    assert len(batches) == -(-rows // (batch or 1))
    assert all(array.dtype == file.inputs[0].dtype for (array,) in batches)
    back = real_outputs(file, samples, [[raw(array) for array in one] for one in batches])
    np.testing.assert_array_equal(back["x"], samples["x"])


@pytest.mark.parametrize(
    "outputs",
    [
        [],
        [[]],
        [[RawArray(dtype="int8", shape=(1, 3), data=b"ab")]],
        [[RawArray(dtype="nonsense", shape=(1, 2), data=b"ab")]],
    ],
)
def test_outputs_that_are_not_those_of_the_file_are_refused(outputs: list[list[RawArray]]) -> None:
    samples = {"x": np.zeros((1, 2), np.float32)}
    with pytest.raises(DeviceError, match=r"its outputs are not those of model\.tflite"):
        real_outputs(artifact(1, 0.5), samples, outputs)
