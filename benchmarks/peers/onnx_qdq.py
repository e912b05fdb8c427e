"""int8 ONNX with ONNX Runtime's static QDQ, after onnxruntime.ai's "Quantize ONNX models"."""

# ruff: noqa: TID253

import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class Reader(CalibrationDataReader):
    """Gives one sample at a time."""

    def __init__(self, name: str, samples: np.ndarray) -> None:
        self._samples = iter([{name: x[None]} for x in samples])

    def get_next(self):  # noqa: ANN201
        """Return the next sample, or None."""
        return next(self._samples, None)


def main(model_path: str, data_path: str, out: str) -> None:
    """Convert one model."""
    model = keras.saving.load_model(model_path)
    samples = np.load(data_path)["x"]
    model(samples[:1])  # export refuses a model that was loaded and never called
    with tempfile.TemporaryDirectory() as folder:
        plain, ready = f"{folder}/float.onnx", f"{folder}/ready.onnx"
        model.export(plain, format="onnx", verbose=False)
        quant_pre_process(plain, ready, skip_symbolic_shape=True)  # sympy need not be there
        quantize_static(
            ready,
            Path(out, "model.onnx"),
            Reader(onnx.load(ready).graph.input[0].name, samples),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
        )


main(*sys.argv[1:])
