from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgekit.artifact import TensorSpec
from edgekit.errors import ArtifactError, DataError
from edgekit.runtimes import feed

SCALES = st.floats(1e-6, 1e3)


def spec(shape=(1, 2), dtype="float32", name="x", **more):
    return TensorSpec(name=name, shape=shape, dtype=dtype, **more)


@settings(deadline=None)
@given(arrays.arrays(np.float64, 20, elements=st.floats(-1e4, 1e4)), SCALES, st.integers(-128, 127))
def test_quantizing_is_within_half_a_step_or_clipped(real, scale, zero):
    stored = feed.quantize(real, scale, zero, dtype="int8")
    back = feed.dequantize(stored, scale, zero)
    low, high = scale * (-128 - zero), scale * (127 - zero)
    wanted = np.clip(real, low, high)
    assert np.all(np.abs(back - wanted) <= 0.5 * scale * (1 + 1e-6) + 1e-6 * np.abs(wanted))


@settings(deadline=None)
@given(st.integers(-128, 127), SCALES, st.integers(-128, 127))
def test_stored_integers_survive_there_and_back(value, scale, zero):
    real = feed.dequantize(np.array([value], np.int8), scale, zero)
    assert feed.quantize(real, scale, zero, dtype="int8") == value


def test_halves_go_to_even_and_nothing_wraps():
    real = np.array([0.5, 1.5, 2.5, -0.5, 1e30, -1e30, np.inf, -np.inf, np.nan])
    stored = feed.quantize(real, 1.0, 0, dtype="int8")
    assert stored.tolist() == [0, 2, 2, 0, 127, -128, 127, -128, 0]


def test_uint8_pictures_mean_their_pixel_values():
    pixels = np.array([[0, 255]], np.uint8)
    quantized = spec(dtype="uint8", scale=2.0, zero_point=0)
    assert feed.to_stored(pixels, quantized).tolist() == [[0, 128]]
    assert feed.to_stored(pixels, quantized, native=True).tolist() == [[0, 255]]


@pytest.mark.parametrize(
    "values", [np.array([0.5]), np.array([3e9]), np.array([np.nan]), np.array([-1])]
)
def test_integer_inputs_refuse_what_they_cannot_hold(values):
    with pytest.raises(DataError, match="whole numbers that fit uint8"):
        feed.to_stored(values, spec(dtype="uint8"))


def test_whole_floats_become_indices():
    assert feed.to_stored(np.array([3.0]), spec(dtype="int32")).dtype == np.int32


@pytest.mark.parametrize("values", [np.array(["a"]), np.array([1j]), np.array([None])])
def test_what_is_no_number_is_refused(values):
    with pytest.raises(DataError, match="expected numbers"):
        feed.to_stored(values, spec())


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"z": np.zeros((1, 2))}, r"expected inputs \['x'\], got \['z'\]"),
        ({}, "expected inputs"),
        ({"x": np.zeros((4, 3))}, r"samples of shape \(2\)"),
        ({"x": np.zeros(2)}, "one a row"),
        ({"x": np.float32(1)}, "one a row"),
        ({"x": np.zeros((0, 2))}, "at least one sample"),
    ],
)
def test_inputs_that_do_not_fit_are_named(inputs, text):
    with pytest.raises(DataError, match=text):
        feed.check([spec()], inputs)


def test_inputs_with_other_numbers_of_rows_are_refused():
    with pytest.raises(DataError, match="as many samples"):
        feed.check([spec(), spec(name="y")], {"x": np.zeros((2, 2)), "y": np.zeros((3, 2))})


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(1, 13))
def test_any_batch_gives_each_sample_its_own_row(batch, count):
    x = np.arange(count * 2, dtype=np.float32).reshape(count, 2)
    seen = []

    def call(stored):
        seen.append(len(stored["x"]))
        return {"y": stored["x"] * 2}

    found = feed.run_batches([spec((batch, 2))], {"x": x}, call)
    assert np.array_equal(found["y"], x * 2)
    assert set(seen) == {batch}


def test_inputs_without_a_common_batch_are_fed_whole():
    specs = [spec((2, 3), name="a"), spec((), name="b")]
    fed = {"a": np.ones((4, 2, 3)), "b": np.arange(4.0)}
    found = feed.run_batches(specs, fed, lambda one: {"y": one["a"][:1] * one["b"]})
    assert found["y"].shape == (4, 1, 3)
    assert found["y"][3, 0, 0] == 3


def test_an_output_without_batch_belongs_to_its_sample():
    found = feed.run_batches([spec()], {"x": np.ones((3, 2))}, lambda one: {"y": np.zeros(7)})
    assert found["y"].shape == (3, 7)


def test_an_output_that_cannot_be_split_is_an_error():
    with pytest.raises(ArtifactError, match="multiples of the batch"):
        feed.run_batches([spec((2, 2))], {"x": np.ones((2, 2))}, lambda one: {"y": np.zeros(3)})


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("serving_default_x:0", "x"),
        ("StatefulPartitionedCall:1", "StatefulPartitionedCall"),
        ("a:b", "a:b"),
        ("x", "x"),
        ("serving_default_", "serving_default_"),
    ],
)
def test_decorations_come_off_names(name, plain):
    assert feed.plain_name(name) == plain


def test_names_stay_decorated_where_they_would_clash():
    assert feed.unique(["y:0", "y:1"]) == ["y:0", "y:1"]
    assert feed.unique(["y:0", "z:0"]) == ["y", "z"]
