"""Models of other Keras backends are converted in a process that runs on TensorFlow."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit import errors, evaluation
from edgekit.pipeline import child, convert
from edgekit.pipeline.options import Options

RNG = np.random.default_rng(3)
X, Y = RNG.uniform(-1, 1, (48, 8, 8, 1)).astype(np.float32), RNG.integers(0, 3, 48)
FAST = Options(measure=False, estimator="min-max")


@pytest.fixture
def _as_if_foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the way of other backends although this process runs on TensorFlow."""
    monkeypatch.setattr(convert, "foreign_backend", lambda: "jax")
    monkeypatch.setattr(child, "foreign_backend", lambda: "jax")
    monkeypatch.setattr(evaluation, "foreign_backend", lambda: "jax")


@pytest.mark.slow
@pytest.mark.usefixtures("_as_if_foreign")
def test_an_object_goes_over_and_its_results_come_back(here: Path, monkeypatch, tiny_model) -> None:
    model = tiny_model()
    over = edgekit.convert(model, "tflite-int8", calibration=(X, Y), out="over", options=FAST)
    monkeypatch.undo()
    monkeypatch.chdir(here)
    own = edgekit.convert(
        model, "tflite-int8", calibration=(X, Y), out="own", options=FAST, cache=False
    )
    assert [r.target.name for r in over.reports] == ["tflite-int8"]
    assert over.folders == (Path("over/tiny/tflite-int8"),)
    assert over.reports[0].artifact.sha256 == own.reports[0].artifact.sha256
    assert over.reports[0].options == own.reports[0].options
    assert over.reports[0].source == own.reports[0].source
    assert edgekit.verify(over.folders[0]) == []
    file = own.folders[0] / "model.tflite"
    assert edgekit.evaluate(file, against=model, data=X).evaluation.agreement > 0.9


@pytest.mark.usefixtures("_as_if_foreign")
def test_a_file_is_compared_there_too(here: Path, bench, tiny_model) -> None:
    with pytest.raises(errors.ArtifactError, match=r"nothing\.tflite"):
        edgekit.evaluate("nothing.tflite", against=tiny_model(), data=X)
    mine = tiny_model()
    mine.__class__ = type("Mine", (type(mine),), {})
    with pytest.raises(errors.SourceError, match=r"another process cannot import"):
        edgekit.evaluate("nothing.tflite", against=mine, data=X)


@pytest.mark.usefixtures("_as_if_foreign")
def test_errors_come_back_as_what_they_are(here: Path, tiny_model) -> None:
    with pytest.raises(errors.DataError, match=r"the given data: .*got"):
        edgekit.convert(tiny_model(), "tflite-int8", calibration=X[:, :5], options=FAST)
    with pytest.raises(errors.OptionError, match="give data as arrays, a file or module:function"):
        edgekit.convert(tiny_model(), "tflite-int8", calibration=lambda: X, options=FAST)
    assert list(here.iterdir()) == []
    assert list(Path(os.environ["TMPDIR"]).iterdir()) == []


def test_the_command_converts_a_file_whatever_the_backend(
    bench, here: Path, process, sha256
) -> None:
    words = ("convert", bench.model, "-t", "tflite-int8", "-c", bench.data, "--no-measure")
    options = ("--estimator", "min-max", "--json")
    done = process(*words, *options, KERAS_BACKEND="jax")
    assert (done.returncode, done.stderr) == (0, "")
    [report] = json.loads(done.stdout)["reports"]
    artifact = here / "out" / "tiny" / "tflite-int8" / "model.tflite"
    assert report["artifact"]["sha256"] == sha256(artifact)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.kill(os.getpid(), 9)", r"TensorFlow was ended: Killed; is there enough"),
        (
            "error = ValueError('too odd'); error.add_note('chatter'); raise error",
            r"TensorFlow failed: ValueError: too odd$",
        ),
        ("pass", "failed: no message"),
    ],
)
def test_a_process_that_fails_is_told_apart_from_its_chatter(code: str, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    with pytest.raises(errors.EdgekitError) as caught:
        child._answer(done)
    assert re.search(said, str(caught.value))


@pytest.mark.parametrize(
    "data",
    [
        X, {"image": X}, (X, Y), ({"a/b": X, "c": X[:, 0]}, {"y": Y}), [X, X[:, :3]],
        ([X, Y], Y), "module:data", Path("data.npz"), None,
    ],
)  # fmt: skip
def test_data_go_over_unchanged(data, tmp_path: Path) -> None:
    sent = json.loads(json.dumps(child._as_file(data, tmp_path / "data.npz")))
    came = child._opened(sent)
    expected = str(data) if isinstance(data, Path) else data
    np.testing.assert_equal(came, expected)


JAX = """
import json, sys
import keras, numpy as np
import edgekit
assert keras.backend.backend() == "jax"
image = keras.Input((8, 8, 1), name="image")
x = keras.layers.Flatten()(keras.layers.Conv2D(4, 3, activation="relu")(image))
model = keras.Model(image, keras.layers.Dense(3, activation="softmax", name="scores")(x), name="m")
x = np.random.default_rng(0).uniform(-1, 1, (40, 8, 8, 1)).astype("float32")
options = edgekit.Options(measure=False)
result = edgekit.convert(model, "tflite-int8", calibration=x, options=options)
report = result.reports[0]
print(json.dumps([report.verdict, report.parity_sqnr_db, report.artifact.outputs[0].name]))
"""


@pytest.mark.slow
def test_a_model_on_jax(here: Path, process) -> None:
    if importlib.util.find_spec("jax") is None:
        pytest.skip("needs jax, which is not installed here")
    done = process(code=JAX, KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr
    verdict, sqnr_db, output = json.loads(done.stdout.splitlines()[-1])
    assert (verdict, output) == ("pass", "scores")
    assert sqnr_db > 20
