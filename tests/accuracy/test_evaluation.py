from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.accuracy import METRICS, collect, evaluate, metric
from edgekit.errors import DataError, OptionError, UnknownName

RNG = np.random.default_rng(0)
N = 300
CLASSES = RNG.integers(0, 7, N)
SCORES = np.eye(7)[CLASSES] + RNG.normal(scale=0.6, size=(N, 7))
NOISY = SCORES + RNG.normal(scale=0.3, size=SCORES.shape)
LONE = RNG.normal(size=(N, 1)) + 1.5 * (CLASSES > 3)[:, None]
BINARY = (CLASSES > 3).astype(int)


def run(name, reference=SCORES, candidate=NOISY, labels=CLASSES, **more):
    return evaluate({"y": reference}, {"y": candidate}, labels, metric(name), **more)


def share(scores, labels=CLASSES):
    return float((scores.argmax(-1) == labels).mean())


def test_top1_drop_flips_and_interval():
    found = run("top1")
    assert found.source_score == pytest.approx(share(SCORES))
    assert found.artifact_score == pytest.approx(share(NOISY))
    assert found.drop_pp == pytest.approx(100 * (share(SCORES) - share(NOISY)))
    assert found.drop_low_pp < found.drop_pp < found.drop_high_pp
    flips = found.flips
    assert found.drop_pp == pytest.approx(100 * (flips.to_wrong - flips.to_right) / N)
    right, still = SCORES.argmax(-1) == CLASSES, NOISY.argmax(-1) == CLASSES
    assert flips.to_wrong_samples == tuple(np.flatnonzero(right & ~still)[:100])
    assert "McNemar" in found.method
    assert found.agreement == pytest.approx((SCORES.argmax(-1) == NOISY.argmax(-1)).mean())


@pytest.mark.parametrize(
    "labels",
    [
        CLASSES.astype(np.float32),
        CLASSES.astype(np.uint8),
        CLASSES[:, None],
        CLASSES.tolist(),
        np.eye(7)[CLASSES],
        np.eye(7, dtype=bool)[CLASSES],
        {"y": CLASSES},
        {"whatever": CLASSES},
    ],
)
def test_labels_come_in_many_forms(labels):
    assert run("top1", labels=labels).source_score == run("top1").source_score
    assert run("accuracy", labels=labels).metric == "top1"


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (CLASSES[:-1], "300 labels"),
        (np.int64(3), "one a sample"),
        (CLASSES + 1, "0..6"),
        (CLASSES - 1, "0..6"),
        (CLASSES + 0.5, "mse or mae"),
        (np.where(CLASSES == 1, np.nan, 0), "finite"),
        (CLASSES.astype(str), "numbers"),
        (CLASSES.astype(object), "numbers"),
        ([[1], [2, 3]], "one shape"),
        (np.ones((N, 7)), "one-hot"),
        (np.zeros((N, 3)), "class numbers"),
        (np.zeros((N, 0)), "empty"),
        ({"a": CLASSES, "b": CLASSES}, "labels for output 'y'"),
        (None, "needs labels"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, text):
    with pytest.raises(DataError, match=text):
        run("top1", labels=labels)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_top1_with_ties_is_argmax(seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 3, (50, 4)).astype(float)
    classes = rng.integers(0, 4, 50)
    found = METRICS["top1"].score(scores, classes)
    assert np.array_equal(found, scores.argmax(-1) == classes)


def test_top5_counts_five_and_needs_more_than_five():
    five = np.argsort(-SCORES, axis=-1)[:, :5]
    assert run("top5").source_score == pytest.approx((five == CLASSES[:, None]).any(-1).mean())
    with pytest.raises(DataError, match="more than 5 classes"):
        run("top5", SCORES[:, :5], NOISY[:, :5], np.minimum(CLASSES, 4))


@pytest.mark.parametrize("shape", [(N, 1), (N,)])
def test_a_lone_score_is_cut_at_half_or_zero(shape):
    logits = LONE.reshape(shape)
    odds = 1 / (1 + np.exp(-logits))
    for scores in (logits, odds):
        found = run("top1", scores, scores, BINARY)
        assert found.source_score == pytest.approx(((LONE[:, 0] > 0) == BINARY).mean())
        assert found.agreement == 1
    # The artifact is cut where the source is, even if rounding takes it out of [0, 1].
    moved = run("top1", odds, odds + 0.01, BINARY)
    assert moved.artifact_score > 0.6


def test_positions_are_scored_by_their_share_and_bootstrapped():
    scores, labels = SCORES.reshape(50, 6, 7), CLASSES.reshape(50, 6)
    found = run("top1", scores, NOISY.reshape(50, 6, 7), labels)
    assert found.source_score == pytest.approx(share(SCORES))
    assert "bootstrap" in found.method
    assert found.samples == 50


def test_auc_by_counting_pairs():
    found = run("auc", LONE, -LONE, BINARY)
    yes, no = LONE[BINARY == 1], LONE[BINARY == 0]
    wanted = (yes > no.T).mean()
    assert found.source_score == pytest.approx(wanted)
    assert found.artifact_score == pytest.approx(1 - wanted)
    assert found.drop_low_pp < found.drop_pp < found.drop_high_pp
    assert found.p_value < 0.05
    constant = run("auc", LONE, np.zeros_like(LONE), BINARY)
    assert constant.artifact_score == 0.5


def test_auc_of_many_classes_agrees_with_scikit_learn():
    from sklearn.metrics import roc_auc_score

    odds = np.exp(SCORES) / np.exp(SCORES).sum(-1, keepdims=True)
    found = run("auc", odds, odds)
    wanted = roc_auc_score(CLASSES, odds, multi_class="ovr", average="macro")
    assert found.source_score == pytest.approx(wanted)


def test_auc_needs_two_classes():
    with pytest.raises(DataError, match="two classes"):
        run("auc", LONE, LONE, np.zeros(N))


@pytest.mark.parametrize("name", ["mse", "mae"])
def test_errors_rise_in_per_cent_of_the_sources_own(name):
    power = 2 if name == "mse" else 1
    truth = RNG.normal(size=(N, 3))
    ours, theirs = truth + 0.1, truth - 0.2
    found = run(name, ours, theirs, truth)
    assert found.source_score == pytest.approx(0.1**power)
    assert found.artifact_score == pytest.approx(0.2**power)
    assert found.drop_pp == pytest.approx(100 * (2**power - 1))
    assert "per cent" in found.drop_unit
    assert not found.higher_is_better
    assert found.agreement is None


def test_an_error_that_was_zero_has_no_relative_increase():
    truth = RNG.normal(size=(N, 1))
    found = run("mse", truth, truth + 1, truth[:, 0])
    assert found.drop_pp is None
    assert found.artifact_score == pytest.approx(1)
    assert run("mse", truth, truth, truth).drop_pp == 0


def test_targets_of_another_shape_are_refused():
    with pytest.raises(DataError, match="targets of shape"):
        run("mse", SCORES, NOISY, CLASSES)


def test_an_interval_covers_the_true_drop_of_a_mean():
    inside = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        truth = np.zeros((80, 1))
        ours = np.full((80, 1), 1.0)
        theirs = ours + rng.normal(0.2, 0.1, (80, 1))
        found = run("mae", ours, theirs, truth, seed=seed)
        inside += found.drop_low_pp <= 20 <= found.drop_high_pp
    assert inside >= 51


def test_nan_from_the_artifact_is_a_loss_not_a_crash():
    broken = NOISY.copy()
    broken[0] = np.nan
    found = run("top1", candidate=broken)
    assert found.sqnr_db_min == -math.inf
    assert found.max_abs_error == math.inf
    everything = run("top1", candidate=np.full_like(NOISY, np.nan))
    assert everything.artifact_score == 0
    assert everything.agreement == 0
    truth = np.zeros_like(SCORES)
    assert run("mse", candidate=broken, labels=truth).drop_low_pp is None
    assert run("auc", LONE, np.full_like(LONE, np.nan), BINARY).artifact_score == 0.5


def test_nan_from_the_source_is_an_error_that_names_the_sample():
    broken = SCORES.copy()
    broken[17, 2] = np.nan
    with pytest.raises(DataError, match="sample 17"):
        run("top1", broken)


def test_without_metric_there_is_agreement_and_sqnr():
    odds = np.exp(SCORES) / np.exp(SCORES).sum(-1, keepdims=True)
    found = evaluate({"y": odds}, {"y": odds * 1.1})
    assert found.agreement == 1
    assert found.sqnr_db["y"] == pytest.approx(20)
    assert found.metric is None
    assert found.drop_pp is None
    assert evaluate({"y": SCORES}, {"y": NOISY}).agreement is None


def test_of_many_outputs_the_named_the_labelled_or_the_first():
    ours, theirs = {"a": SCORES, "b": LONE}, {"a": NOISY, "b": LONE}
    top1 = metric("top1")
    assert evaluate(ours, theirs, BINARY, top1, output="b").drop_pp == 0
    labelled = evaluate(ours, theirs, {"b": BINARY}, top1)
    assert (labelled.output, labelled.notes) == ("b", ())
    first = evaluate(ours, theirs, CLASSES, top1)
    assert first.output == "a"
    assert "--output" in first.notes[0]
    assert set(first.sqnr_db) == {"a", "b"}
    assert first.sqnr_db_min == first.sqnr_db["a"]
    with pytest.raises(DataError, match="no output 'c'"):
        evaluate(ours, theirs, CLASSES, top1, output="c")


@pytest.mark.parametrize(
    ("candidate", "text"),
    [
        ({"z": NOISY}, "expected outputs"),
        ({"y": NOISY[:-1]}, "shape"),
        ({"y": NOISY[:, :3]}, "shape"),
    ],
)
def test_predictions_that_do_not_match_are_refused(candidate, text):
    with pytest.raises(DataError, match=text):
        evaluate({"y": SCORES}, candidate, CLASSES, metric("top1"))


def test_axes_of_one_do_not_matter():
    assert evaluate({"y": LONE}, {"y": LONE[:, 0]}).max_abs_error == 0


def test_the_same_seed_gives_the_same_figures():
    truth = RNG.normal(size=SCORES.shape)
    assert run("mse", labels=truth, seed=3) == run("mse", labels=truth, seed=3)
    assert run("mse", labels=truth, seed=3) != run("mse", labels=truth, seed=4)


def test_one_sample_has_a_score_and_no_bootstrap():
    found = run("mse", SCORES[:1], NOISY[:1], SCORES[:1] + 1)
    assert found.drop_pp is not None
    assert found.drop_low_pp is None
    assert "two samples" in found.method


OWN = """
import numpy as np
def each(predictions, labels): return (predictions.argmax(-1) == labels).astype(float)
def one(predictions, labels): return float((predictions.argmax(-1) == labels).mean())
def loss(predictions, labels): return np.abs(predictions[:, 0] - labels)
loss.higher_is_better = False
def wide(predictions, labels): return predictions
def fails(predictions, labels): raise KeyError("x")
def both(predictions, labels): return float(predictions["a"].mean() + predictions["b"].mean())
nothing = 3
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_metrics_here.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return lambda name: metric(f"own_metrics_here:{name}")


def test_a_function_of_the_users_own(own):
    pair = {"y": SCORES}, {"y": NOISY}
    each, one = (evaluate(*pair, CLASSES, own(name)) for name in ("each", "one"))
    assert each.drop_pp == pytest.approx(one.drop_pp)
    assert each.drop_pp == pytest.approx(run("top1").drop_pp)
    assert "McNemar" in each.method
    assert "bootstrap" in one.method
    assert one.drop_low_pp == pytest.approx(each.drop_low_pp, abs=3)
    assert not evaluate(*pair, CLASSES, own("loss")).higher_is_better
    outputs = {"a": SCORES, "b": LONE}
    assert evaluate(outputs, outputs, CLASSES, own("both")).drop_pp == 0


def test_what_is_wrong_with_a_function_is_said(own):
    for name, text in [("wide", "one number"), ("fails", "KeyError")]:
        with pytest.raises(DataError, match=text):
            evaluate({"y": SCORES}, {"y": NOISY}, CLASSES, own(name))
    for name in ("nothing", "absent"):
        with pytest.raises(OptionError, match="expected a function"):
            own(name)
    with pytest.raises(OptionError, match="cannot be imported"):
        metric("no_such_module_at_all:f")
    with pytest.raises(UnknownName, match="did you mean 'top5'"):
        metric("tops5")


def test_predictions_are_collected_in_order():
    seen = []

    def batches():
        for start in range(0, N, 64):
            seen.append(start)
            yield {"x": SCORES[start : start + 64]}

    found = collect(lambda batch: {"y": batch["x"] * 2}, batches())
    assert found["y"] == pytest.approx(SCORES * 2, rel=1e-6)
    assert found["y"].dtype == np.float32
    with pytest.raises(DataError, match="fewer samples"):
        collect(lambda batch: {"y": batch["x"]}, batches(), most_bytes=3000)
    assert seen[-1] == 64
    with pytest.raises(DataError, match="at least one sample"):
        collect(lambda batch: {"y": batch["x"]}, [])
