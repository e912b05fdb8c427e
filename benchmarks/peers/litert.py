"""Full-integer TFLite with litert-quantizer and its own calibration, after its README."""

# ruff: noqa: TID253

import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from litert_quantizer import quantizer, recipe


def main(model_path: str, data_path: str, out: str) -> None:
    """Convert one model."""
    content = tf.lite.TFLiteConverter.from_keras_model(
        keras.saving.load_model(model_path)
    ).convert()
    signature, ends = next(iter(Interpreter(model_content=content).get_signature_list().items()))
    samples = [{ends["inputs"][0]: x[None]} for x in np.load(data_path)["x"]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "float.tflite")
        path.write_bytes(content)
        engine = quantizer.Quantizer(str(path))
        engine.load_quantization_recipe(recipe.static_wi8_ai8())
        result = engine.quantize(engine.calibrate({signature: samples}))
    Path(out, "model.tflite").write_bytes(bytes(result.quantized_model))


main(*sys.argv[1:])
