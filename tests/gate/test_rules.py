"""What each kind of rule decides."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest
from gate_documents import measured, modelled, timed

import edgekit
from edgekit.comparing.metrics import METRICS
from edgekit.errors import OptionError
from edgekit.gating import Policy, Rule
from edgekit.history.rows import rows_of
from edgekit.report.devices import DeviceFailure
from edgekit.report.documents import BENCHMARK, REPORT, read_file_as, written

ROOT = Path(__file__).resolve().parents[2]
RULE = '[[rules]]\nmetric = "size_kib"\n'
NOISY = [1.0 + 0.3 * ((at * 7919) % 101) / 101 for at in range(100)]


def outcomes(found):
    return [(check.outcome, check.verdict) for check in found.checks]


@pytest.mark.parametrize(
    ("limit", "code", "margin"), [(10.0, 0, 0.0), (11.5, 0, 1.5), (9.5, 3, -0.5)]
)
def test_an_exact_figure_passes_up_to_its_limit(document, policy, limit, code, margin):
    found = edgekit.gate(document("r.json", measured()), policy(f"{RULE}limit = {limit}"))
    assert found.exit_code == code
    assert found.checks[0].margin == pytest.approx(margin)


@pytest.mark.parametrize(
    ("key", "allowed", "code"),
    [("max_regression", 0.99, 3), ("max_regression", 1.0, 0),
     ("max_regression_share", 0.0999, 3), ("max_regression_share", 0.1001, 0)],
)  # fmt: skip
def test_an_exact_regression_is_allowed_up_to_its_limit(document, policy, key, allowed, code):
    before, after = document("a.json", measured()), document("b.json", measured(size=11.0))
    found = edgekit.gate(after, policy(f"{RULE}{key} = {allowed}"), baseline=before)
    assert found.exit_code == code


def test_the_sentence_says_by_how_much_the_model_got_worse(document, policy):
    before, after = document("a.json", measured()), document("b.json", measured(size=12.5))
    rules = policy(f"{RULE}max_regression_share = 0.02")
    found = edgekit.gate(after, rules, baseline=before)
    assert found.sentence == (
        "Failed: digits for tflite-int8 on board got worse: size_kib went from 10 to 12.5 KiB"
        " (+2.5 KiB, +25.0 %); at most 2 % is allowed"
    )


@pytest.mark.parametrize(
    ("means", "code"), [("fail", 3), ("undecided", 4), ("warn", 0), ("ignore", 0)]
)
@pytest.mark.parametrize("key", ["missing", "no_baseline", "cannot_tell"])
def test_the_policy_says_what_it_means_that_nothing_can_be_told(document, policy, key, means, code):
    few = timed(1.0, 1.1, 1.2)
    before = document("a.json", measured(latency=few))
    report = {
        "missing": document("b.json", measured()),
        "no_baseline": document("c.json", measured(latency=few)),
        "cannot_tell": document("d.json", measured(latency=timed(1.2, 1.3, 1.4))),
    }[key]
    rule = policy(
        f'[[rules]]\nmetric = "latency_ms"\nmax_regression_share = 0.05\n{key} = "{means}"'
    )
    found = edgekit.gate(report, rule, baseline=None if key == "no_baseline" else before)
    assert found.exit_code == code
    assert found.checks[0].outcome == key.replace("_", " ")


def test_noise_is_not_a_regression_and_a_clear_one_is(document, policy):
    rule = policy('[[rules]]\nmetric = "latency_ms"\nmax_regression_share = 0.0')
    before = document("a.json", measured(latency=timed(*NOISY)))
    near = document("b.json", measured(latency=timed(*(1.02 * one for one in NOISY))))
    far = document("c.json", measured(latency=timed(*(1.5 * one for one in NOISY))))
    assert outcomes(edgekit.gate(near, rule, baseline=before)) == [("cannot tell", "warn")]
    assert outcomes(edgekit.gate(far, rule, baseline=before)) == [("missed", "fail")]


def test_to_prove_that_a_limit_is_kept_is_harder_than_not_to_be_shown_beyond(document, policy):
    report = document("a.json", measured(latency=timed(*NOISY)))
    rule = '[[rules]]\nmetric = "latency_ms"\nlimit = 1.16\n'
    assert outcomes(edgekit.gate(report, policy(rule))) == [("kept", "pass")]
    assert outcomes(edgekit.gate(report, policy(f'{rule}prove = "kept"'))) == [
        ("cannot tell", "warn")
    ]


def test_modelled_and_counted_figures_compare_exactly(document, policy):
    rules = policy(
        '[[rules]]\nmetric = "latency_ms"\nmax_regression = 0\n'
        '[[rules]]\nmetric = "instructions"\nmax_regression = 0\n'
    )
    before = document("a.json", measured(latency=modelled(2.0), instructions=1_000_000))
    after = document("b.json", measured(latency=modelled(2.001), instructions=1_000_001))
    assert outcomes(edgekit.gate(after, rules, baseline=before)) == [("missed", "fail")] * 2
    assert outcomes(edgekit.gate(before, rules, baseline=before)) == [("kept", "pass")] * 2


def test_patterns_select_and_a_rule_that_selects_nothing_is_missing(document, policy):
    report = document("a.json", measured("pi-4"), measured("cortex-m4", size=99.0))
    found = edgekit.gate(report, policy(f'{RULE}device = "pi-*"\nlimit = 50'))
    assert [check.device for check in found.checks] == ["pi-4"]
    nothing = edgekit.gate(report, policy(f'{RULE}device = "nano-*"\nlimit = 50'))
    assert (nothing.exit_code, nothing.checks[0].outcome) == (3, "missing")


def test_a_figure_that_another_device_has_is_not_missing_but_one_that_failed_is(document, policy):
    rule = policy('[[rules]]\nmetric = "instructions"\nlimit = 10')
    fine = document("a.json", measured("host"), measured("pi", instructions=5))
    assert edgekit.gate(fine, rule).exit_code == 0
    failure = DeviceFailure(device="host", file="digits/tflite-int8/model.tflite", error="lost")
    failed = document("b.json", measured("pi", instructions=5), failures=(failure,))
    found = edgekit.gate(failed, rule)
    assert found.exit_code == 3
    assert "lost" in found.sentence


def test_what_failed_beside_a_measurement_is_why_its_figures_are_missing(document, policy):
    failure = DeviceFailure(device="pi", file="digits/tflite-int8/model.tflite", error="lost")
    given = document("a.json", measured("pi", instructions=5), failures=(failure,))
    assert (
        edgekit.gate(given, policy('[[rules]]\nmetric = "instructions"\nlimit = 10')).exit_code == 0
    )
    found = edgekit.gate(given, policy('[[rules]]\nmetric = "latency_ms"\nlimit = 10'))
    assert (found.exit_code, "lost" in found.sentence) == (3, True)


def test_a_failed_device_is_named_as_the_report_beside_its_file_says(document, policy, tmp_path):
    report = read_file_as(REPORT, ROOT / "tests" / "report" / "golden" / "report-1.json")
    file = tmp_path / "elsewhere" / "model.tflite"
    file.parent.mkdir()
    file.write_bytes(b"a file")
    digest = hashlib.sha256(b"a file").hexdigest()
    artifact = dataclasses.replace(report.artifact, sha256=digest)
    beside = dataclasses.replace(report, artifact=artifact)
    (file.parent / "report.json").write_bytes(written(beside))
    failure = DeviceFailure(device="pi", file=str(file), error="lost")
    given = document("a.json", failures=(failure,))
    (check,) = edgekit.gate(given, policy(f"{RULE}limit = 1")).checks
    assert (check.model, check.target) == (report.source.name, report.target.name)
    (row,) = rows_of(read_file_as(BENCHMARK, given))
    assert (row.model, row.target) == (check.model, check.target)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected at least one"),
        ('[[rules]]\nmetric = "latncy_ms"\nlimit = 1', "did you mean 'latency_ms'"),
        (RULE, "expected limit, max_regression or max_regression_share"),
        (f"{RULE}limt = 1", "did you mean 'limit'"),
        (f'{RULE}limit = "1"', "limit"),
        (f"{RULE}max_regression = -1", "0 or more"),
        (f"{RULE}max_regression = 1\nmax_regression_share = 1", "got both"),
        (f'{RULE}limit = 1\nbetter = "higher"', "better when lower"),
        (f"{RULE}limit = nan", "finite"),
        (f'{RULE}limit = 1\nmissing = "shrug"', "missing"),
        ("[default]\n", "unknown key 'default'"),
        ("rules = 3", "expected [[rules]]"),
        ("[defaults]\nrun_to_run = 7\n" + f"{RULE}limit = 1", "share in [0, 1]"),
        ("[[rules]\n", "not a readable TOML file"),
    ],
)
def test_a_policy_is_read_strictly_and_its_error_is_one_line(policy, document, text, said):
    with pytest.raises(OptionError) as raised:
        edgekit.gate(document("a.json", measured()), policy(text))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_policy_made_in_python_is_checked_as_one_from_a_file(document):
    with pytest.raises(OptionError, match="at least one"):
        edgekit.gate(document("a.json", measured()), Policy(rules=()))
    found = edgekit.gate(
        document("a.json", measured()), Policy(rules=(Rule(metric="size_kib", limit=1.0),))
    )
    assert found.verdict == "fail"


def test_the_reference_names_every_metric_and_every_key():
    page = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
    for name, metric in METRICS.items():
        better = metric.better or "the report says"
        assert f"| `{name}` | {metric.unit or '-'} | {better} | {metric.what} |" in page
    for field in dataclasses.fields(Rule):
        assert f"`{field.name}`" in page
