"""Scores are compared pair by pair where they can be, and unequal sets are not significant."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.accuracy import Evaluation, evaluate, metric
from edgekit.comparing.figures import compare_figures
from edgekit.comparing.run import judged
from edgekit.comparing.scores import compare_drops, compare_scores, fisher_p, wilson
from edgekit.comparing.subject import Figure, Scored


def right(correct, seed_labels=0):
    """Return predictions of two classes of which some are right, and the labels."""
    labels = np.random.default_rng(seed_labels).integers(0, 2, len(correct))
    answers = np.where(correct, labels, 1 - labels)
    return np.eye(2)[answers] * 0.8 + 0.1, labels


def evaluated(source, artifact, seed_labels=0) -> Evaluation:
    ours, labels = right(source, seed_labels)
    theirs, _ = right(artifact, seed_labels)
    return evaluate({"y": ours}, {"y": theirs}, labels, metric("top1"))


def figures(found: Evaluation, *, sha="d", source="s", bare=False) -> tuple[Figure, Figure]:
    """Return score and drop; ``bare``: as an older report has them."""
    if bare:
        from dataclasses import replace

        found = replace(found, answers=None)
    scored = Scored(evaluation=found, data="x.npz", data_sha256=sha, source_sha256=source)
    return (
        Figure(value=found.artifact_score, basis="scored", better="higher", scored=scored),
        Figure(value=found.drop_pp, low=found.drop_low_pp, high=found.drop_high_pp,
               basis="scored", scored=scored),
    )  # fmt: skip


def answers(count, wrong):
    correct = np.ones(count, bool)
    correct[list(wrong)] = False
    return correct


def test_answers_to_the_same_samples_are_paired_also_across_sources():
    a = evaluated(answers(400, range(10)), answers(400, range(12)))
    b = evaluated(answers(400, range(5)), answers(400, range(40)))
    found = compare_scores(figures(a, source="1")[0], figures(b, source="2")[0])
    assert "paired answers" in found.method
    assert found.change == pytest.approx(-28 / 400)
    assert judged(found, "higher")[0] == "worse"


def test_flips_of_older_reports_give_the_same_pairs_as_answers():
    source = answers(400, range(10))
    a, b = evaluated(source, answers(400, range(5, 15))), evaluated(source, answers(400, range(30)))
    for at, compared in ((0, compare_scores), (1, compare_drops)):
        kept = compared(figures(a)[at], figures(b)[at])
        old = compared(figures(a, bare=True)[at], figures(b, bare=True)[at])
        assert kept == old
        assert judged(kept, ("higher", "lower")[at])[0] == "worse"


def test_three_changed_answers_tell_nothing():
    a, b = (evaluated(answers(400, ()), answers(400, range(n))) for n in (0, 3))
    found = compare_scores(figures(a)[0], figures(b)[0])
    assert judged(found, "higher")[0] == "cannot tell"


def test_equal_answers_are_the_same():
    a = evaluated(answers(400, range(9)), answers(400, range(10)))
    assert judged(compare_drops(figures(a)[1], figures(a)[1]), "lower") == ("same", "")


@pytest.mark.parametrize(("few", "many"), [(30, 10_000), (10_000, 30), (25, 400)])
def test_unequal_sample_sizes_do_not_turn_into_significance(few, many):
    """Both are right on 95 % of samples, give or take one."""
    made = [
        evaluated(answers(n, ()), answers(n, range(round(n * share))))
        for n, share in ((few, 0.04), (many, 0.055))
    ]  # fmt: skip
    one, other = (figures(found, sha=str(at)) for at, found in enumerate(made))
    for at, compared in ((0, compare_scores), (1, compare_drops)):
        found = compared(one[at], other[at])
        assert "not paired" in found.method
        assert judged(found, ("higher", "lower")[at])[0] == "cannot tell"


def test_a_clear_loss_on_other_samples_is_found_and_very_few_samples_tell_nothing():
    a = evaluated(answers(500, ()), answers(500, range(10)))
    b = evaluated(answers(300, ()), answers(300, range(90)), seed_labels=1)
    assert judged(compare_scores(figures(a)[0], figures(b, sha="e")[0]), "higher")[0] == "worse"
    c = evaluated(answers(19, ()), answers(19, range(19)), seed_labels=1)
    found = compare_scores(figures(a)[0], figures(c, sha="e")[0])
    assert "too few samples" in found.reason


def test_errors_of_the_same_samples_are_paired():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(200, 3))
    source = {"y": truth + rng.normal(0, 0.1, truth.shape)}
    near, far = ({"y": source["y"] + rng.normal(0, s, truth.shape)} for s in (0.01, 0.2))
    a, b = (evaluate(source, one, truth, metric("mse")) for one in (near, far))
    assert a.answers is not None
    assert a.answers.encoding == "float32"
    found = compare_scores(figures(a)[0], figures(b)[0])
    assert judged(found, "lower")[0] == "worse"
    assert "paired bootstrap" in found.method


def test_scores_by_different_metrics_do_not_compare():
    a = evaluated(answers(400, ()), answers(400, range(9)))
    b = evaluate(*({"y": right(answers(400, w))[0]} for w in ((), range(9))),
                 right(answers(400, ()))[1], metric("auc"))  # fmt: skip
    assert "scored differently" in compare_scores(figures(a)[0], figures(b)[0]).reason


def test_wilson_is_the_published_interval():
    low, high = wilson(0.81, 100)  # 81 of 100: Newcombe 1998 and every calculator
    assert (round(low, 4), round(high, 4)) == (0.7222, 0.8749)


def agreement(count, wrong, *, sha="d"):
    found = evaluated(answers(count, ()), answers(count, range(wrong)))
    scored = Scored(evaluation=found, data="x.npz", data_sha256=sha, source_sha256="s")
    return Figure(value=1 - wrong / count, basis="scored", better="higher", scored=scored)


def test_one_answer_in_hundreds_is_no_change_of_agreement():
    found = compare_figures("agreement", agreement(400, 1), agreement(400, 2))
    assert judged(found, "higher")[0] == "cannot tell"
    other = compare_figures("agreement", agreement(400, 1), agreement(30, 1, sha="e"))
    assert judged(other, "higher")[0] == "cannot tell"
    worse = compare_figures("agreement", agreement(400, 1), agreement(400, 40))
    assert judged(worse, "higher")[0] == "worse"
    same = compare_figures("agreement", agreement(400, 2), agreement(400, 2))
    assert judged(same, "higher")[0] == "same"


def test_fishers_test_is_that_of_scipy():
    from scipy.stats import fisher_exact

    rng = np.random.default_rng(0)
    for _ in range(60):
        n, m = rng.integers(20, 400, 2)
        a, b = rng.binomial(n, 0.95), rng.binomial(m, 0.9)
        expected = fisher_exact([[a, n - a], [b, m - b]])[1]
        assert fisher_p(a / n, b / m, (int(n), int(m))) == pytest.approx(expected, rel=1e-6)
