"""Large constants are fed, not kept in the graphs of sessions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.trace import freeze, signature
from edgekit.trace.lifted import FED_BYTES, lift
from edgekit.trace.observe import Observer, activations, few_samples
from edgekit.trace.widen import widen


@pytest.fixture(scope="module")
def wide_model() -> Any:
    keras = pytest.importorskip("keras")
    x = keras.Input((8,), name="x")
    hidden = keras.layers.Dense(FED_BYTES // 4 // 8, activation="tanh")(x)
    return keras.Model(x, keras.layers.Dense(3)(hidden))


def test_only_large_constants_become_placeholders(wide_model: Any) -> None:
    trace = freeze(wide_model, signature(wide_model))
    graph = trace.graph_def()
    values = lift(graph)
    kernels = [np.asarray(layer.kernel) for layer in wide_model.layers[1:]]
    large = [kernel for kernel in kernels if kernel.nbytes >= FED_BYTES]
    assert len(large) == 1
    assert [value.tobytes() for value in values.values()] == [large[0].tobytes()]
    assert graph.ByteSize() < trace.graph_def().ByteSize() - FED_BYTES
    assert [node.name for node in trace.outline().node] == [node.name for node in graph.node]
    assert sum(node.op == "Const" for node in graph.node) > 0


def test_what_is_observed_does_not_change(wide_model: Any) -> None:
    trace = freeze(wide_model, signature(wide_model))
    x = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    expected = np.asarray(wide_model(x))
    wide = widen(trace, 4)
    assert wide is not None
    (together,) = Observer(wide, wide.output_tensors)({"x": x}).values()
    np.testing.assert_allclose(together, expected, rtol=1e-5, atol=1e-5)
    alone = few_samples(trace, trace.output_tensors, {"x": x})[trace.output_tensors[0]]
    np.testing.assert_allclose(alone[:, 0], expected, rtol=1e-5, atol=1e-5)


def test_a_fed_constant_is_no_activation(wide_model: Any) -> None:
    trace = freeze(wide_model, signature(wide_model))
    graph = trace.graph_def()
    assert not set(lift(graph)) & set(activations(trace))
