"""Latencies are told apart by their samples, and noise is not a difference."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.comparing.estimate import Estimate
from edgekit.comparing.subject import Timing
from edgekit.comparing.timing import compare_timings, incomparable, timing_interval
from edgekit.comparing.turns import took_turns

FACTS = {"cpu": "x", "cores": "2"}


def drifting(rng, count, *, spread=0.02, memory=0.95):
    """Return latencies around 1 ms whose neighbours are alike."""
    noise = np.zeros(count)
    for at in range(1, count):
        noise[at] = memory * noise[at - 1] + rng.normal(0, spread * (1 - memory**2) ** 0.5)
    return np.exp(noise)


def timing(samples, **more):
    return Timing(samples_ms=tuple(float(s) for s in samples), threads=1, facts=FACTS, **more)


def in_turns(rng, factor=1.0, rounds=20):
    """Return two files of one session: each process and each round has its own level."""
    levels = rng.normal(0, 0.04, rounds)
    files = []
    for scale in (1.0, factor):
        own = levels + rng.normal(0, 0.012, rounds)
        samples = [scale * np.exp(level + rng.normal(0, 0.01, 5)) for level in own]
        files.append(timing(np.concatenate(samples), rounds=(5,) * rounds, session="one"))
    return files


def slower(found: Estimate) -> bool:
    return found.low is not None and found.low > 0


def test_runs_whose_neighbours_are_alike_give_no_false_alarm():
    rng = np.random.default_rng(0)
    level = np.exp(rng.normal(0, 0.045, 400))  # processes differ
    runs = [timing(one * drifting(rng, 100)) for one in level]
    found = [compare_timings(a, b) for a, b in zip(runs[::2], runs[1::2], strict=True)]
    assert sum(map(slower, found)) <= 2
    assert sum(one.high is not None and one.high < 0 for one in found) <= 2


def test_files_that_took_turns_are_told_apart_at_five_per_cent():
    rng = np.random.default_rng(1)
    same = [compare_timings(*in_turns(rng)) for _ in range(200)]
    worse = [compare_timings(*in_turns(rng, 1.05)) for _ in range(200)]
    assert sum(map(slower, same)) <= 4
    assert sum(map(slower, worse)) >= 190


def disturbed(rng, factor=1.0, rounds=20):
    """Return two files of one session on a machine where half of all inferences take longer."""
    level = rng.normal(0, 0.01, (2, rounds, 1)) + np.log([[[1.0]], [[factor]]])
    beside = np.where(rng.random((2, rounds, 5)) < 0.5, rng.exponential(0.4, (2, rounds, 5)), 0.0)
    samples = np.exp(level + rng.normal(0, 0.004, (2, rounds, 5)) + beside)
    return [timing(one.ravel(), rounds=(5,) * rounds, session="one") for one in samples]


def test_five_per_cent_are_found_where_half_of_the_inferences_are_disturbed():
    rng = np.random.default_rng(5)
    same = [compare_timings(*disturbed(rng)) for _ in range(200)]
    worse = [compare_timings(*disturbed(rng, 1.05)) for _ in range(200)]
    assert sum(map(slower, same)) <= 4
    assert sum(map(slower, worse)) >= 190


def test_medians_decide_about_a_file_that_is_slower_now_and_then():
    rng = np.random.default_rng(6)
    often = np.where(np.arange(100) % 5 < 3, 1.5, 1.0) * np.exp(rng.normal(0, 0.004, 100))
    seldom = np.where(np.arange(100) % 5 < 1, 1.5, 1.0) * np.exp(rng.normal(0, 0.004, 100))
    before = timing(seldom, rounds=(5,) * 20, session="one")
    after = timing(often, rounds=(5,) * 20, session="one")
    found = compare_timings(before, after)
    assert slower(found)
    assert found.share == pytest.approx(0.5, abs=0.05)


def test_the_interval_holds_the_ratio_of_the_medians():
    rng = np.random.default_rng(7)
    for factor in (1.0, 1.03, 1.3):
        for _ in range(30):
            found = compare_timings(*disturbed(rng, factor))
            room = 1e-9
            assert (found.low or 0) - room <= (found.change or 0) <= (found.high or 0) + room


def test_unequal_numbers_of_samples_are_not_significant():
    rng = np.random.default_rng(2)
    short, long = timing(drifting(rng, 30)), timing(drifting(rng, 9000))
    for before, after in ((short, long), (long, short)):
        found = compare_timings(before, after)
        assert found.reason == ""
        assert (found.low or 0.0) < 0 < (found.high or 0.0)


def test_a_doubled_latency_of_two_runs_is_found():
    rng = np.random.default_rng(3)
    found = compare_timings(timing(drifting(rng, 100)), timing(2 * drifting(rng, 100)))
    assert slower(found)
    assert found.share == pytest.approx(1.0, abs=0.1)


def test_a_steady_machine_tells_smaller_differences():
    rng = np.random.default_rng(4)
    before, after = timing(drifting(rng, 200)), timing(1.08 * drifting(rng, 200))
    assert not slower(compare_timings(before, after))
    assert slower(compare_timings(before, after, run_to_run=0.0))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"samples_ms": (1.0,) * 9}, "too few samples"),
        ({"threads": 2}, "threads differ"),
        ({"facts": {"cpu": "y", "cores": "2"}}, "host facts differ: cpu"),
        ({"samples_ms": (1.0,) * 20 + (0.0,)}, "not a positive number"),
        ({"samples_ms": (1.0,) * 20 + (float("nan"),)}, "not a positive number"),
    ],
)
def test_what_cannot_be_compared_says_why(other, said):
    one = timing([1.0] * 20)
    given = {"samples_ms": one.samples_ms, "threads": 1, "facts": FACTS, **other}
    assert said in incomparable(one, Timing(**given))
    assert said in incomparable(Timing(**given), one)


def test_a_far_quantile_needs_more_samples():
    one = timing([1.0] * 100)
    assert incomparable(one, one, 0.9) == ""
    assert "needs 1000" in incomparable(one, one, 0.99)


def test_rounds_that_do_not_add_up_are_not_believed():
    one = timing([1.0] * 40, rounds=(5,) * 9, session="s")
    assert not took_turns(one, one)
    whole = timing([1.0] * 40, rounds=(4,) * 10, session="s")
    assert took_turns(whole, whole)
    assert not took_turns(whole, timing([1.0] * 40, rounds=(4,) * 10, session="other"))


def test_an_interval_holds_the_median_and_what_runs_differ_by():
    low, high = timing_interval(timing([1.0] * 50)) or (0.0, 0.0)
    assert low < 0.92
    assert high > 1.08
