"""A quantizer in a process of its own gives what it gives here, and its crash is an error."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from edgekit.errors import QuantizeError
from edgekit.formats import tflite as flatbuffer
from edgekit.quantizers import isolated
from edgekit.quantizers.tflite import quantize_here


@pytest.fixture(scope="module")
def content() -> bytes:
    import keras

    from edgekit.exporters import tflite
    from edgekit.trace import freeze, signature

    x = keras.Input((4,), name="x")
    model = keras.Model(x, keras.layers.Dense(3, name="y")(x))
    model.set_weights([np.linspace(-1, 1, 12).reshape(4, 3), np.zeros(3)])
    return tflite.export(freeze(model, signature(model)))


def test_the_result_is_that_of_this_process(content: bytes) -> None:
    ranges = dict.fromkeys(flatbuffer.activation_names(flatbuffer.parse(content)), (-4.0, 4.0))
    apart = isolated.quantize_apart(content, ranges, io="int8")
    assert apart == quantize_here(content, ranges, io="int8")


def test_a_crash_and_a_bug_are_errors(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def command(code: str) -> Any:
        return lambda task, folder: [sys.executable, "-c", code]

    monkeypatch.setattr(isolated, "python", command("import os; os.kill(os.getpid(), 11)"))
    with pytest.raises(QuantizeError, match=r"crashed \(signal 11\)"):
        isolated.quantize_apart(content, {}, io="int8")
    monkeypatch.setattr(isolated, "python", command("raise KeyError('bug')"))
    with pytest.raises(QuantizeError, match="process failed: KeyError: 'bug'"):
        isolated.quantize_apart(content, {}, io="int8")
