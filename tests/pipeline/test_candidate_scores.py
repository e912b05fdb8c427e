"""Candidates are told apart by what a softmax is given: it hides errors where it is sure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgekit import runtimes
from edgekit.formats.tflite_scores import with_scores
from edgekit.pipeline.judge import Judge
from edgekit.pipeline.scores import of_logits, of_probabilities
from edgekit.quantizers.attempts import Agreement

LOGITS = arrays(np.float64, (3, 5), elements=st.floats(-12, 12))


def softmax(logits):
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


@given(LOGITS, st.floats(-5, 5))
def test_logits_and_their_probabilities_have_the_same_scores(logits, shift):
    np.testing.assert_allclose(of_probabilities(softmax(logits)), of_logits(logits), atol=1e-6)
    np.testing.assert_allclose(of_logits(logits + shift), of_logits(logits), atol=1e-6)


def test_what_is_out_of_the_question_does_not_count():
    sure = of_logits(np.array([[0.0, -100.0]]))
    np.testing.assert_array_equal(sure, of_logits(np.array([[0.0, -1000.0]])))
    np.testing.assert_allclose(sure, of_probabilities(np.array([[1.0, 0.0]])))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two int8 files of one classifier that is always sure, and its samples: good, and worse."""
    keras = pytest.importorskip("keras")
    import edgekit

    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 2), name="x")
    x = keras.layers.Conv2D(8, 3, activation="relu", name="conv")(inputs)
    x = keras.layers.Dense(4, name="logits")(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, keras.layers.Softmax(name="y")(x * 40.0))
    samples = np.random.default_rng(0).normal(size=(96, 8, 8, 2)).astype(np.float32)
    done = edgekit.convert(
        model, ["tflite-int8", "tflite-fp32"], out=tmp_path_factory.mktemp("out"),
        calibration=samples, options=edgekit.Options(measure=False, html=False), cache=False,
    )  # fmt: skip
    return done, samples, np.asarray(model(samples))


def test_a_tflite_file_shows_what_its_softmax_is_given(files, tmp_path: Path):
    done, samples, _ = files
    content = with_scores(done.artifacts[0].path.read_bytes())
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    outputs = runtimes.open_runner(runtimes.describe(path)).run({"x": samples})
    plain = runtimes.open_runner(done.artifacts[0]).run({"x": samples})
    np.testing.assert_array_equal(outputs["y"], plain["y"])
    shares = softmax(outputs["y;scores"].astype(np.float64))
    np.testing.assert_allclose(shares, outputs["y"], atol=2 / 256)


def test_a_file_without_a_softmax_comes_back_as_it_is(tmp_path: Path):
    keras = pytest.importorskip("keras")
    import edgekit

    inputs = keras.Input((4,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(3, name="y")(inputs))
    done = edgekit.convert(
        model, "tflite-fp32", out=tmp_path, options=edgekit.Options(measure=False), cache=False
    )
    content = done.artifacts[0].path.read_bytes()
    assert with_scores(content) == content


def test_scores_tell_what_probabilities_hide(files):
    done, samples, reference = files
    told = {}
    for artifact, report in zip(done.artifacts, done.reports, strict=True):
        judge = Judge(inputs={"x": samples}, reference={"y": reference}, softmaxes=frozenset({"y"}))
        told[report.target.name] = judge(artifact.path)
    assert told["tflite-fp32"].scores_db > 80
    assert 20 < told["tflite-int8"].scores_db < 60
    assert told["tflite-int8"].sqnr_db != told["tflite-int8"].scores_db
    assert Judge(inputs={"x": samples}, reference={"y": reference})(
        done.artifacts[0].path
    ).scores_db is None  # fmt: skip


def test_the_candidate_with_the_best_scores_is_chosen(files):
    candidates = files[0].reports[0].candidates
    judged = [one for one in candidates if one.scores_db is not None]
    assert len(judged) > 3
    assert max(judged, key=lambda one: one.scores_db).chosen


def test_whether_a_file_is_good_is_told_by_its_scores_too():
    assert Agreement(sqnr_db=15.0, scores_db=25.0).is_good
    assert not Agreement(sqnr_db=25.0, scores_db=15.0).is_good
    assert Agreement(sqnr_db=25.0).is_good
    assert not Agreement(sqnr_db=25.0, collapsed=True).is_good


def test_only_what_a_softmax_makes_is_looked_behind(tmp_path: Path):
    keras = pytest.importorskip("keras")
    import edgekit

    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 2), name="x")
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, activation="relu")(inputs))
    heads = [keras.layers.Dense(4, activation="softmax", name=name)(x) for name in ("a", "b")]
    model = keras.Model(inputs, keras.layers.Average(name="y")(heads))
    samples = np.random.default_rng(0).normal(size=(96, 8, 8, 2)).astype(np.float32)
    done = edgekit.convert(
        model, ["tflite-int8", "onnx-int8"], out=tmp_path, calibration=samples, cache=False,
        options=edgekit.Options(measure=False, html=False),
    )  # fmt: skip
    for report in done.reports:
        judged = [one for one in report.candidates if one.sqnr_db is not None]
        assert all(one.scores_db is None for one in judged)
        assert max(judged, key=lambda one: one.sqnr_db).chosen
