"""Somebody's Keras 2 file with a layer of their own, converted with a class that we write."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit as ek
from edgekit.pipeline.options import Options

FOLDER = "mltk_models/keyword_spotting_alexa"
OBJECT = "mylayers:MultiScaleTemporalConvolution"
LAYER = '''
import keras


class MultiScaleTemporalConvolution(keras.layers.Layer):
    """Adds up depthwise convolutions along time, one a scale."""

    def __init__(self, stride=1, scales=(9,), **others):
        super().__init__(**others)
        self.stride, self.scales = stride, tuple(scales)
        self.convolutions = [
            keras.layers.DepthwiseConv2D((scale, 1), stride, padding="same", use_bias=False)
            for scale in self.scales
        ]

    def build(self, shape):
        for convolution in self.convolutions:
            convolution.build(shape)

    def call(self, x):
        return sum(convolution(x) for convolution in self.convolutions)

    def get_config(self):
        return {**super().get_config(), "stride": self.stride, "scales": self.scales}
'''


def frames(count: int) -> np.ndarray:
    """Return smooth frames as int8 log spectra are, near what the model was trained on."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    detail = gaussian_filter(rng.normal(size=(count, 118, 108)), (0, 3, 5))
    loudness = gaussian_filter(rng.normal(size=(count, 118, 1)), (0, 8, 0))
    wave = 0.6 * detail / detail.std() + 0.4 * loudness / loudness.std()
    return np.clip(-100 + 40 * wave, -128, 127).round()[:, :, None].astype(np.float32)


@pytest.fixture
def work(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with the user's module and samples."""
    monkeypatch.delitem(sys.modules, "mylayers", raising=False)
    (here / "mylayers.py").write_text(LAYER)
    np.savez(here / "frames.npz", input_1=frames(48))
    return here


def answers(path: Path, x: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    lite = Interpreter(str(path))
    lite.allocate_tensors()
    lite.set_tensor(lite.get_input_details()[0]["index"], x)
    lite.invoke()
    return np.array(lite.get_tensor(lite.get_output_details()[0]["index"]))


@pytest.mark.slow
def test_from_python_it_is_the_model_that_its_makers_shipped(assets: Path, work: Path) -> None:
    options = Options(custom_objects=(OBJECT,), measure=False, estimator="min-max")
    made = ek.convert(
        assets / FOLDER / "keyword_spotting_alexa.h5", ["tflite-fp32", "tflite-int8"],
        calibration=frames(48), options=options,
    )  # fmt: skip
    assert [report.verdict for report in made.reports] == ["pass", "pass"]
    assert made.reports[1].parity_sqnr_db > 30
    theirs = assets / FOLDER / "keyword_spotting_alexa.float32.tflite"
    for x in frames(3)[:, None]:
        got = answers(made.folders[0] / "model.tflite", x)
        np.testing.assert_allclose(got, answers(theirs, x), rtol=1e-4, atol=1e-7)


@pytest.mark.slow
def test_from_the_command_line(assets: Path, work: Path, process: Any) -> None:
    model = assets / FOLDER / "keyword_spotting_alexa.h5"
    words = ("convert", model, "-t", "tflite-int8", "-c", "frames.npz", "--no-measure", "--json")
    done = process(*words, "--estimator", "min-max", "--custom-objects", OBJECT)
    assert (done.returncode, done.stderr) == (0, "")
    [report] = json.loads(done.stdout)["reports"]
    assert report["verdict"] == "pass"
    assert report["parity_sqnr_db"] > 30
