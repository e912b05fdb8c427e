"""Models that were trained on torch, as files and as objects of a process that runs on torch."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PROGRAM = """
import json
import keras, numpy as np
import edgekit, edgekit.errors
from user_layers import Swing

class Local(Swing):
    pass

assert keras.backend.backend() == "torch"
keras.utils.set_random_seed(0)
layers, options = keras.layers, edgekit.Options(measure=False, estimator="min-max")
x = np.random.default_rng(0).uniform(-1, 1, (40, 8, 6)).astype("float32")

def build(middle):
    frames = keras.Input((8, 6), name="frames")
    y = layers.BatchNormalization()(layers.Conv1D(8, 3, activation="relu")(frames))
    y = layers.Bidirectional(layers.LSTM(4))(y)
    return keras.Model(frames, layers.Dense(3, name="scores")(middle(y)), name="m")

said = {}
def attempt(what, work):
    try:
        said[what] = work()
    except edgekit.errors.EdgekitError as error:
        said[what] = f"{type(error).__name__}: {error}"

model = build(Swing(0.5))
model.compile("adam", "mse")
model.fit(x, np.zeros((40, 3)), epochs=1, verbose=0)
np.savez("data.npz", x=x, y=model.predict(x, verbose=0))
model.save("trained.keras")

def convert(given):
    targets = ["tflite-fp32", "tflite-int8"]
    made = edgekit.convert(given, targets, calibration=x, out="own", options=options)
    return [[report.verdict for report in made.reports], made.reports[0].parity_sqnr_db]

def compare(against):
    found = edgekit.evaluate("own/m/tflite-fp32/model.tflite", against=against, data=x)
    return found.evaluation.sqnr_db["scores"]

attempt("object", lambda: convert(model))
attempt("compare", lambda: compare(model))
attempt("local", lambda: convert(build(Local(0.5))))

import torch
wrapped = layers.TorchModuleWrapper(torch.nn.Linear(4, 3))
attempt("module", lambda: convert(keras.Sequential([keras.Input((4,)), wrapped])))
print(json.dumps(said))
"""

USER_LAYERS = '''
"""A user's module."""

import keras


class Swing(keras.layers.Layer):
    def __init__(self, by, **others):
        super().__init__(**others)
        self.by = by

    def call(self, x):
        return keras.ops.sin(x) * self.by

    def get_config(self):
        return {**super().get_config(), "by": self.by}
'''


@pytest.mark.slow
@pytest.mark.backend
def test_objects_and_files_of_torch(here: Path, process: Any) -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch, which is not here; `make backends` runs it")
    (here / "user_layers.py").write_text(USER_LAYERS)
    done = process(code=PROGRAM, KERAS_BACKEND="torch")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(said["object"], list), said["object"]
    verdicts, sqnr_db = said["object"]
    assert verdicts == ["pass", "pass"]
    assert sqnr_db > 80
    assert (here / "own" / "m" / "tflite-int8" / "report.json").is_file()
    assert said["compare"] > 80
    assert "another process cannot import: put it into a module" in said["local"]
    assert "TorchModuleWrapper: a PyTorch module, which only PyTorch can run" in said["module"]

    words = (
        "convert",
        "trained.keras",
        "-t",
        "tflite-fp32",
        "--evaluate",
        "data.npz",
        "--no-cache",
    )
    own = ("--metric", "mse", "--custom-objects", "user_layers:Swing", "--no-measure", "--json")
    done = process(*words, *own)
    assert (done.returncode, done.stderr) == (0, "")
    [report] = json.loads(done.stdout)["reports"]
    assert report["evaluation"]["source_score"] < 1e-12  # Keras on TensorFlow is Keras on torch
    assert report["evaluation"]["artifact_score"] < 1e-12
    assert np.load("data.npz")["y"].std() > 1e-3
