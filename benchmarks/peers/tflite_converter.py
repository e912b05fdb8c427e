"""Full-integer TFLite with TensorFlow's converter, after "Post-training integer quantization"."""

# ruff: noqa: TID253

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf


def main(model_path: str, data_path: str, out: str) -> None:
    """Convert one model."""
    model = keras.saving.load_model(model_path)
    samples = np.load(data_path)["x"]

    def representative_dataset():  # noqa: ANN202
        for sample in samples:
            yield [sample[None]]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative_dataset
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    Path(out, "model.tflite").write_bytes(converter.convert())


main(*sys.argv[1:])
