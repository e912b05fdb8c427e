"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

GOLDEN = Path(__file__).resolve().parents[1] / "report" / "golden" / "report-1.json"
ROOT = Path(__file__).resolve().parents[2]

MODEL = """
import keras, numpy as np, pytest

@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    made = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"),
                             keras.layers.Dense(4, activation="softmax")], name="small")
    return made

@pytest.fixture(scope="module")
def data(model):
    x = np.random.default_rng(0).normal(size=(200, 8)).astype("float32")
    return x, model(x).numpy().argmax(-1)
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run a test file with the plugin loaded, whether edgekit is installed or not."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("EDGEKIT_CACHE", str(pytester.path / "cache"))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def go(text: str) -> pytest.RunResult:
        pytester.makepyfile(text)
        return pytester.runpytest_subprocess("-p", "edgekit.pytest_plugin", "-q", timeout=300)

    return go


def test_loading_the_plugin_imports_no_framework(run):
    run("""
        import sys
        def test_nothing_heavy():
            assert not {"tensorflow", "keras", "numpy", "edgekit.gating"} & set(sys.modules)
    """).assert_outcomes(passed=1)


def test_a_gate_fails_a_test_with_its_sentence(run):
    result = run(f"""
        from edgekit.gating import Policy, Rule
        def test_size(edgekit):
            edgekit.gate({str(GOLDEN)!r}, Policy(rules=(Rule(metric="size_kib", limit=1),)))
        def test_roomy(edgekit):
            roomy = Policy(rules=(Rule(metric="size_kib", limit=1e6),))
            found = edgekit.gate({str(GOLDEN)!r}, roomy)
            assert found.exit_code == 0
    """)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["Failed: resnet8 for tflite-int8 on host: size_kib is *"])


@pytest.mark.slow
def test_a_model_that_is_ready_passes_and_one_that_is_not_says_by_how_much(run):
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("needs TensorFlow")
    result = run(
        MODEL
        + """
def test_ready(assert_edge_ready, model, data):
    found = assert_edge_ready(model, target="tflite-int8", calibration=data, evaluate=data,
                              max_accuracy_drop_pp=5, limits={"size_kib": 100})
    assert found.reports[0].verdict == "pass"

def test_too_large(assert_edge_ready, model, data):
    assert_edge_ready(model, target="tflite-int8", calibration=data, limits={"size_kib": 1})

def test_needs_labels(assert_edge_ready, model, data):
    with pytest.raises(pytest.UsageError, match="evaluate"):
        assert_edge_ready(model, calibration=data, max_accuracy_drop_pp=1)

def test_unknown_target(assert_edge_ready, model, data):
    assert_edge_ready(model, target="tflite-int9", calibration=data)
"""
    )
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        ["Failed: small for tflite-int8 on host: size_kib is *", "tflite-int9: no target *"],
        consecutive=False,
    )
