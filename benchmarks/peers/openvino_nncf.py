"""int8 OpenVINO with NNCF, after docs.openvino.ai's "Basic Quantization Flow"."""

# ruff: noqa: TID253

import sys
import tempfile
from pathlib import Path

import keras
import nncf
import numpy as np
import openvino as ov


def main(model_path: str, data_path: str, out: str) -> None:
    """Convert one model."""
    model = keras.saving.load_model(model_path)
    samples = np.load(data_path)["x"]
    with tempfile.TemporaryDirectory() as folder:
        model.export(f"{folder}/saved_model", format="tf_saved_model", verbose=False)
        converted = ov.convert_model(f"{folder}/saved_model")
        dataset = nncf.Dataset([x[None] for x in samples])
        quantized = nncf.quantize(converted, dataset, subset_size=len(samples))
        ov.save_model(quantized, Path(out, "model.xml"))


main(*sys.argv[1:])
