"""Whatever a report says, the exit code and every written verdict agree; nothing is obeyed."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner
from gate_documents import measured
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit.cli import main
from edgekit.devices.figures import Latency
from edgekit.gating import GateResult
from edgekit.gating.github import workflow_commands
from edgekit.gating.gitlab import gitlab
from edgekit.gating.junit import junit
from edgekit.gating.markdown import markdown
from edgekit.gating.result import Check
from edgekit.report.devices import Benchmark, DeviceFailure
from edgekit.report.plain import to_plain

EVIL = (
    "a|b`c<img src=x onerror=1>]]>\n::error::x\r\n# d\x1b[2J[x](http://evil.example)%0A&\x00\ud800"
)
HEADINGS = {0: "passed", 3: "failed", 4: "cannot tell"}
MEANS = st.sampled_from(["fail", "undecided", "warn", "ignore"])
NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, -0.0, 1.0, 10.0])
NAMES = st.text(max_size=12) | st.sampled_from([EVIL, "::error::", "board"])


@st.composite
def latencies(draw: st.DrawFn) -> Latency | None:
    if draw(st.booleans()):
        return None
    numbers = st.lists(NUMBERS | st.floats(0.9, 1.2), max_size=30)
    samples = tuple(draw(numbers)) if draw(st.booleans()) else tuple(draw(
        st.lists(st.floats(0.9, 1.2), min_size=10, max_size=30)))  # fmt: skip
    rounds = draw(st.lists(st.integers(-1, 9), max_size=9))
    return Latency(
        ms=draw(NUMBERS), low_ms=None, high_ms=draw(st.none() | NUMBERS),
        basis=draw(st.sampled_from(["measured", "modelled"])), samples_ms=samples,
        threads=draw(st.integers(1, 2)), rounds=tuple(rounds), session=draw(st.sampled_from("ab")),
    )  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> Benchmark:
    devices = draw(st.lists(NAMES, unique=True, min_size=1, max_size=3))
    file = draw(NAMES.map(lambda name: f"{name}.tflite"))
    failures = (DeviceFailure(device="gone", file=file, error=draw(NAMES)),)
    return Benchmark(
        measurements=tuple(
            measured(device, file, size=draw(NUMBERS), latency=draw(latencies()),
                     instructions=draw(st.none() | st.integers(0, 3)),
                     misfits=tuple(draw(st.lists(NAMES, max_size=1))))
            for device in devices if device != "gone"
        ),
        failures=failures if draw(st.booleans()) else (),
    )  # fmt: skip


@st.composite
def policies(draw: st.DrawFn) -> str:
    lines = ["schema = 1", "[defaults]", f'missing = "{draw(MEANS)}"',
             f'no_baseline = "{draw(MEANS)}"', f'cannot_tell = "{draw(MEANS)}"',
             f'prove = "{draw(st.sampled_from(["worse", "kept"]))}"']  # fmt: skip
    metrics = ["size_kib", "latency_ms", "latency_p90_ms", "instructions", "misfits", "cycles"]
    for metric in draw(st.lists(st.sampled_from(metrics), min_size=1, max_size=4)):
        lines += ["[[rules]]", f'metric = "{metric}"']
        keys = st.sampled_from(["limit", "max_regression", "max_regression_share"])
        lines.append(f"{draw(keys)} = {draw(st.sampled_from([0.0, 0.05, 1.0, 1e300]))}")
        if draw(st.booleans()):
            lines.append(f'device = "{draw(st.sampled_from(["*", "b*", "[", "gone"]))}"')
    return "\n".join(lines)


def agree(found: GateResult | dict, code: int, texts: dict[str, bytes], stdout: str) -> None:
    """Assert that all verdicts say what the exit code says."""
    assert code in HEADINGS
    first = texts["markdown"].decode().splitlines()[0]
    assert first == f"## edgekit gate: {HEADINGS[code]}"
    suites = ET.fromstring(texts["junit"])
    failures, errors = len(suites.findall(".//failure")), len(suites.findall(".//error"))
    assert (int(suites.get("failures", -1)), int(suites.get("errors", -1))) == (failures, errors)
    severities = [issue["severity"] for issue in json.loads(texts["gitlab"])]
    assert (failures, errors) == (severities.count("critical"), severities.count("major"))
    assert code == (3 if failures else 4 if errors else 0)
    commands = [line for line in stdout.splitlines() if line.startswith("::")]
    levels = [re.match(r"::(error|warning|notice) ", line) for line in commands]
    assert any(level and level[1] == "error" for level in levels) == (code != 0)
    assert any(level and level[1] == "notice" for level in levels) == (code == 0)
    rows = [line for line in texts["markdown"].decode().splitlines() if line.startswith("| FAIL")]
    assert bool(rows) == (code == 3)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(report=documents(), baseline=st.none() | documents(), policy=policies())
def test_the_command_never_says_one_thing_and_ends_with_another(
    tmp_path: Path, report: Benchmark, baseline: Benchmark | None, policy: str
) -> None:
    (tmp_path / "r.json").write_bytes(msgspec.json.encode(to_plain(report)))
    (tmp_path / "p.toml").write_text(policy, encoding="utf-8")
    command = ["gate", str(tmp_path / "r.json"), "--policy", str(tmp_path / "p.toml")]
    if baseline is not None:
        (tmp_path / "b.json").write_bytes(msgspec.json.encode(to_plain(baseline)))
        command += ["--baseline", str(tmp_path / "b.json")]
    files = {name: tmp_path / name for name in ("junit", "markdown", "gitlab")}
    written = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    ran = CliRunner().invoke(main, [*command, *written, "--github"])
    if ran.exit_code == 1:  # nothing to gate, or not readable: told in one line, no verdict
        assert ran.exception is None or isinstance(ran.exception, SystemExit)
        assert ran.stderr.startswith("Error: ")
        return
    texts = {name: path.read_bytes() for name, path in files.items()}
    told = ran.stdout.splitlines()
    token = told[0].removeprefix("::stop-commands::")
    agree({}, ran.exit_code, texts, "\n".join(told[told.index(f"::{token}::") + 1 :]))
    printed = CliRunner().invoke(main, [*command, "--json"])
    assert printed.exit_code == ran.exit_code == json.loads(printed.stdout)["exit_code"]


@settings(max_examples=100)
@given(
    verdicts=st.lists(st.sampled_from(["pass", "warn", "fail", "undecided"]), max_size=260),
    name=NAMES, number=NUMBERS,
)  # fmt: skip
def test_every_view_of_any_result_agrees(verdicts: list, name: str, number: float) -> None:
    check = Check(rule=name, metric="size_kib", model=name, target=name, device=name, kind="limit",
                  unit="KiB", better="lower", figure=number, limit=number, margin=number,
                  outcome="missed", verdict="pass", text=name)  # fmt: skip
    found = GateResult(report=name, policy=name, baseline=name,
                       checks=tuple(replace(check, verdict=one) for one in verdicts))  # fmt: skip
    texts = {"junit": junit(found), "markdown": markdown(found).encode(), "gitlab": gitlab(found)}
    agree(found, found.exit_code, texts, "\n".join(workflow_commands(found)))


def test_hostile_names_are_shown_and_not_obeyed(document, policy, tmp_path):
    report = document("r.json", measured(EVIL, f"{EVIL}.tflite".replace("/", "_"), size=99.0))
    rules = policy('[[rules]]\nmetric = "size_kib"\nlimit = 1')
    files = {name: tmp_path / name for name in ("junit", "markdown", "gitlab")}
    written = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    ran = CliRunner().invoke(
        main, ["gate", str(report), "--policy", str(rules), "--github", *written]
    )
    assert ran.exit_code == 3
    commands = [line for line in ran.stdout.splitlines() if line.startswith("::")]
    assert [line.split(" ")[0] for line in commands[2:]] == ["::error"]
    assert "\x1b" not in ran.stdout
    shown = files["markdown"].read_text(encoding="utf-8")
    assert "<img" not in shown.replace("\\<img", "")
    assert "\n# d" not in shown
    ET.fromstring(files["junit"].read_bytes())
    for path in files.values():
        assert "\x1b" not in path.read_text(encoding="utf-8")


def test_the_summary_of_a_step_is_appended(document, policy, tmp_path, monkeypatch):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    rules = policy('[[rules]]\nmetric = "size_kib"\nlimit = 100')
    report = document("r.json", measured())
    ran = CliRunner().invoke(main, ["gate", str(report), "--policy", str(rules), "--github"])
    assert ran.exit_code == 0
    lines = summary.read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["before", "## edgekit gate: passed"]


def test_json_follows_its_schema(document, policy):
    rules = policy('[[rules]]\nmetric = "size_kib"\nlimit = 1\nmax_regression = 0')
    report = document("r.json", measured(size=float("inf")))
    ran = CliRunner().invoke(main, ["gate", str(report), "--policy", str(rules), "--json"])
    schema = json.loads(CliRunner().invoke(main, ["schema", "gate"]).stdout)
    jsonschema.Draft202012Validator(schema).validate(json.loads(ran.stdout))
    assert ran.exit_code == 3


def test_init_writes_a_policy_that_can_be_read_and_replaces_none(document, tmp_path):
    path = tmp_path / "edgekit-gate.toml"
    assert CliRunner().invoke(main, ["gate", "--init", "--policy", str(path)]).exit_code == 0
    again = CliRunner().invoke(main, ["gate", "--init", "--policy", str(path)])
    assert (again.exit_code, "there already" in again.stderr) == (1, True)
    report = document("r.json", measured())
    ran = CliRunner().invoke(main, ["gate", str(report), "--policy", str(path)])
    assert ran.exit_code == 0, ran.output


@pytest.mark.parametrize(
    "arguments", [[], ["r.json", "--github", "--json"]], ids=["no report", "json and github"]
)
def test_what_cannot_be_meant_is_a_usage_error(arguments):
    assert CliRunner().invoke(main, ["gate", *arguments]).exit_code == 2
