"""Passes call the inputs of a model what its data call them."""

from __future__ import annotations

import keras  # noqa: TID253
import numpy as np
import pytest

from edgekit.passes.graph import flat
from edgekit.trace import signature


@pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict")
def test_inputs_are_called_by_their_keys_where_tensors_have_other_names() -> None:
    a, b = keras.Input((6,), name="alpha"), keras.Input((4,), name="beta")
    both = keras.layers.Concatenate()([keras.layers.Dense(3)(a), b])
    model = keras.Model({"two": a, "one": b}, keras.layers.Dense(2)(both))
    copy = flat(model)
    assert [spec.name for spec in signature(copy).specs] == ["two", "one"]
    assert {tensor.name for tensor in copy.inputs} == {"one", "two"}
    rng = np.random.default_rng(0)
    data = {"two": rng.normal(size=(3, 6)), "one": rng.normal(size=(3, 4))}
    np.testing.assert_allclose(copy(data), model(data), rtol=1e-6)
