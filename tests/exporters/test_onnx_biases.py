"""One-dimensional convolutions in ONNX carry their bias and rectifier."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edgekit.trace import freeze, signature


@pytest.fixture(scope="module")
def model():
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(3)
    made = keras.Sequential(
        [
            keras.Input((12, 3), name="x"),
            layers.Conv1D(4, 3, activation="relu", bias_initializer="random_normal"),
            layers.Conv1D(5, 3, bias_initializer="random_normal"),
            layers.Conv1D(4, 1, use_bias=False, activation="relu"),
            layers.Flatten(name="y"),
        ]
    )
    return made


def test_biases_and_rectifiers_stand_at_the_convolution(model, tmp_path: Path) -> None:
    onnx, ort = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    from edgekit.exporters.onnx import export
    from edgekit.exporters.onnx_biases import gather_biases
    from edgekit.quantizers.ort import fold

    plain = fold(export(freeze(model, signature(model))))
    before = Counter(node.op_type for node in plain.graph.node)
    assert before["Add"] == 2
    gathered = gather_biases(plain)
    onnx.checker.check_model(gathered, full_check=True)
    assert Counter(node.op_type for node in gathered.graph.node)["Add"] == 0
    convolutions = [node for node in gathered.graph.node if node.op_type == "Conv"]
    assert [len(node.input) for node in convolutions] == [3, 3, 2]
    readers = {node.input[0]: node.op_type for node in gathered.graph.node}
    assert readers[convolutions[0].output[0]] == "Relu"
    x = np.random.default_rng(0).normal(size=(1, 12, 3)).astype(np.float32)
    session = ort.InferenceSession(gathered.SerializeToString(), providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {"x": x})
    np.testing.assert_allclose(got, np.asarray(model(x)), rtol=1e-4, atol=1e-5)
