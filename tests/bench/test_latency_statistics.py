from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.bench import HostFacts, Measurement, compare_latency, slower_than
from edgekit.bench.measurement import notes_on, quantile
from edgekit.bench.statistics import block_medians, compare_samples
from edgekit.cpu import features_of

HOST = HostFacts(
    cpu="Some CPU", machine="x86_64", cores=2, features=("avx2",), governor=None, load_before=0.1,
    load_after=0.2, os="Linux 6", python="3.11.7", versions={"ai-edge-litert": "2.3.0"},
)  # fmt: skip
LATENCIES = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=60)


def latencies(median, count=200, seed=0):
    noise = np.random.default_rng(seed).lognormal(0, 0.05, count)
    return tuple((median * noise).tolist())


def measurement(median=1.0, *, seed=0, host=HOST, threads=1):
    return Measurement(
        samples_ms=latencies(median, seed=seed),
        warmup_ms=(),
        load_ms=1.0,
        threads=threads,
        memory_before_mib=40.0,
        peak_memory_mib=50.0,
        host=host,
    )


@settings(deadline=None)
@given(LATENCIES, st.floats(0, 1))
def test_quantile_is_numpys(samples, share):
    assert quantile(tuple(samples), share) == pytest.approx(np.quantile(samples, share))


def test_statistics_come_from_the_samples():
    found = dataclasses.replace(measurement(), samples_ms=tuple(float(n) for n in range(101)))
    assert (found.median_ms, found.p90_ms, found.p99_ms) == (50, 90, 99)
    assert found.model_memory_mib == 10


@settings(max_examples=40, deadline=None)
@given(LATENCIES, LATENCIES)
def test_swapping_swaps_the_verdict(a, b):
    mirror = {"faster": "slower", "slower": "faster", "cannot tell": "cannot tell"}
    assert compare_samples(tuple(b), tuple(a)) == mirror[compare_samples(tuple(a), tuple(b))]


@settings(max_examples=40, deadline=None)
@given(LATENCIES)
def test_nothing_differs_from_itself(samples):
    assert compare_samples(tuple(samples), tuple(samples)) == "cannot tell"


def test_twice_as_long_is_slower_and_one_per_cent_cannot_be_told():
    assert compare_latency(measurement(2.0, seed=1), measurement()) == "slower"
    assert compare_latency(measurement(0.5, seed=1), measurement()) == "faster"
    assert compare_latency(measurement(1.01, seed=1), measurement()) == "cannot tell"


def test_alike_files_are_rarely_told_apart():
    verdicts = [
        compare_samples(latencies(1.0, seed=2 * n), latencies(1.0, seed=2 * n + 1))
        for n in range(100)
    ]
    assert verdicts.count("cannot tell") >= 95


def test_few_samples_tell_nothing():
    assert compare_samples((1.0,) * 9, (9.0,) * 100) == "cannot tell"


@pytest.mark.parametrize(
    "facts", [{"cpu": "Another"}, {"cores": 4}, {"features": ()}, {"governor": "powersave"}]
)
def test_other_hosts_do_not_compare(facts):
    other = measurement(9.0, host=dataclasses.replace(HOST, **facts))
    assert compare_latency(measurement(), other) == "cannot tell"
    assert compare_latency(measurement(), measurement(9.0, threads=2)) == "cannot tell"


def test_load_and_versions_do_not_keep_hosts_apart():
    host = dataclasses.replace(HOST, load_before=3.0, versions={"openvino": "2026.4.1"})
    assert compare_latency(measurement(), measurement(9.0, host=host)) == "faster"


def test_blocks_see_that_neighbours_are_alike():
    rng = np.random.default_rng(0)
    drifting = 100 + np.cumsum(rng.normal(size=400))
    shuffled = rng.permutation(drifting)
    assert block_medians(drifting).std() > 2 * block_medians(shuffled).std()


def test_the_warning_names_both_figures_and_the_reason():
    text = slower_than(measurement(0.44), measurement(0.31, seed=1))
    assert "int8 is slower than float here: 0.4" in text
    assert "1 thread," in text
    assert "no VNNI" in text
    assert slower_than(measurement(0.31), measurement(0.44, seed=1)) is None
    assert slower_than(measurement(1.0), measurement(1.0, seed=1)) is None


@pytest.mark.parametrize(
    ("machine", "features", "reason"),
    [
        ("x86_64", ("vnni",), "has VNNI"),
        ("aarch64", ("dotprod",), "has 8-bit dot products"),
        ("armv7l", (), "lists no 8-bit dot products"),
    ],
)
def test_the_reason_depends_on_the_cpu(machine, features, reason):
    host = dataclasses.replace(HOST, machine=machine, features=features)
    text = slower_than(measurement(2, host=host), measurement(1, seed=1, host=host))
    assert reason in text


@pytest.mark.parametrize(
    ("text", "features"),
    [
        ("flags : fpu avx avx2 avx512f avx512_vnni", ("avx2", "avx512", "vnni")),
        ("flags : sse2 avx", ()),
        ("Features : fp asimd asimddp i8mm", ("dotprod", "i8mm", "neon")),
        ("AdvSIMD\nFEAT_DotProd\n", ("dotprod", "neon")),
        ("", ()),
    ],
)
def test_features_by_their_common_names(text, features):
    assert features_of(text) == features


def test_notes_say_what_casts_doubt():
    assert notes_on((1.0,) * 50, 0.1, 2) == ()
    assert "p90 is 3.0x the median" in notes_on((1.0,) * 80 + (3.0,) * 20, 0.1, 2)[0]
    assert any("load average 5" in note for note in notes_on((1.0,) * 50, 5.0, 2))
    assert any("drift" in note for note in notes_on((1.0,) * 50 + (1.4,) * 50, None, 2))
