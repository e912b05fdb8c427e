from __future__ import annotations

import numpy as np
import pytest

from edgekit.accuracy import collect, compare_layers, evaluate, metric
from edgekit.runtimes import describe, open_runner, tensors

KWS = "mlperf_tiny_models/keyword_spotting/trained_models/kws_ref_model"


def kws(assets):
    data = np.load(assets / "kws01_mfcc_1000" / "kws01_mfcc_int8.npz")
    x = (data["x"].astype(np.float32) - data["zero_point"]) * data["scale"]
    return x.astype(np.float32), data["y"]


def predictions(path, name, x):
    runner = open_runner(describe(path))
    return collect(runner.run, ({name: x[at : at + 128]} for at in range(0, len(x), 128)))


def test_keyword_spotting_float_against_int8(assets):
    x, y = kws(assets)
    float_ = predictions(assets / f"{KWS}_float32.tflite", "input_1", x)
    int8 = predictions(assets / f"{KWS}.tflite", "input_1", x)
    found = evaluate(float_, int8, y, metric("top1"))
    assert found.source_score == pytest.approx(0.90, abs=0.005)
    assert abs(found.drop_pp) < 1
    assert found.drop_low_pp < 0 < found.drop_high_pp
    assert found.agreement > 0.97
    assert 20 < found.sqnr_db_min < 40
    assert evaluate(float_, int8, y, metric("top5")).drop_pp == pytest.approx(0, abs=0.5)


def test_recurrent_digits_float_against_int8(assets):
    data = np.load(assets / "mnist10k_lstm" / "mnist10k.npz")
    x, y = data["x"][:500] / 255, data["y"][:500]
    folder = assets / "mnist10k_lstm"
    float_ = predictions(folder / "trained_lstm.tflite", "fixed_input", x)
    int8 = predictions(folder / "trained_lstm_int8.tflite", "fixed_input", x)
    found = evaluate(float_, int8, y, metric("accuracy"))
    assert found.source_score > 0.98
    assert abs(found.drop_pp) < 1
    assert found.sqnr_db_min > 30


def test_layer_by_layer_names_a_layer_of_the_model(assets):
    x, _ = kws(assets)
    files = [describe(assets / f"{KWS}{tail}.tflite") for tail in ("_float32", "")]
    batches = (tuple(tensors(file, {"input_1": x[at : at + 4]}) for file in files) for at in (0, 4))
    found = compare_layers(batches)
    assert len(found.layers) >= 10
    assert all(15 < layer.sqnr_db < 60 for layer in found.layers)
    assert found.worst.name.startswith("functional_1/")
