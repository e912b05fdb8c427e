"""What tf2onnx is held to: the same bytes each time, and steps of its optimizer that may fail."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.exporters import onnx
from edgekit.trace import freeze, signature


@pytest.fixture(scope="module")
def trace():
    """Return a trace with many constants that are equal, which tf2onnx merges."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(2)
    image = x = layers.Input((16, 16, 3))
    for _ in range(3):
        x = layers.Conv2D(8, 3, padding="same")(x)
        x = layers.ReLU(6)(layers.BatchNormalization()(x))
        x = layers.DepthwiseConv2D(3)(layers.ZeroPadding2D()(x))
        x = layers.Add()([x, x])
    model = keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    return freeze(model, signature(model, {}))


def _bytes(model) -> bytes:
    return model.SerializeToString(deterministic=True)


def test_every_export_gives_the_same_bytes(trace) -> None:
    first = _bytes(onnx.export(trace))
    kept = [np.zeros(size) for size in range(1, 4000, 7)]  # the next nodes lie elsewhere in memory
    assert [_bytes(onnx.export(trace)) == first for _ in range(3)] == [True] * 3
    assert len(kept) == len(range(1, 4000, 7))


def test_a_step_that_fails_is_left_out(trace, monkeypatch) -> None:
    from tf2onnx.optimizer import identity_optimizer

    def fail(*_: object) -> None:
        raise RuntimeError("this step is broken")

    monkeypatch.setattr(identity_optimizer.IdentityOptimizer, "_optimize", fail)
    kinds = {node.op_type for node in onnx.export(trace).graph.node}
    assert "Conv" in kinds


def test_tf2onnx_is_left_as_it_was(trace) -> None:
    from tf2onnx.graph import Node

    before = (Node.__init__, Node.update_proto, Node.__hash__)
    onnx.export(trace)
    assert (Node.__init__, Node.update_proto, Node.__hash__) == before
