from __future__ import annotations

import dataclasses
import io
import sys

import pytest
from rich.console import Console

from edgekit.report.model import Report
from edgekit.report.notes import notes
from edgekit.report.terminal.conversion import summary
from edgekit.report.terminal.progress import progress


def drawn(*reports: Report, width: int = 80) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False).print(summary(reports))
    return stream.getvalue()


def renamed(report: Report, name: str, **changes: object) -> Report:
    return dataclasses.replace(
        report, target=dataclasses.replace(report.target, name=name), **changes
    )


def test_one_table_over_several_targets(full_report: Report) -> None:
    other = renamed(full_report, "openvino-int8-weights", broken_promises=())
    text = drawn(full_report, other)
    assert max(len(line) for line in text.splitlines()) <= 80
    for said in ("0.8720 -> 0.8680", "0.40 pp [-0.61, 1.40]", "97.6 KiB", "3.21x less",
                 "0.46 ms", "float 0.325", "openvino-int8-weights"):  # fmt: skip
        assert said in text  # whole: nothing was folded or cut
    assert text.count("FAIL") == 1
    assert text.count("pass ") == 1
    assert "resnet8, 78,666 parameters" in text
    assert "top1 on 500 samples of test.npz" in text


def test_figures_of_every_size_are_shown_whole(full_report: Report) -> None:
    found = dataclasses.replace(
        full_report.evaluation, source_score=123456.7, artifact_score=1e-9, drop_pp=-99.99,
        drop_low_pp=-100.0, drop_high_pp=-12345678.0,
    )  # fmt: skip
    facts = dataclasses.replace(full_report.artifact, size_bytes=2**33, float_size_bytes=2**40)
    text = drawn(renamed(full_report, "x" * 60, evaluation=found, artifact=facts))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "-99.99 pp [-100.00, -1.23e+07]" in text
    assert "1.235e+05 -> 1e-09" in text
    assert "8,192.0 MiB" in text
    assert "…" not in text


def test_without_labels_agreement_and_sqnr(full_report: Report) -> None:
    found = dataclasses.replace(full_report.evaluation, metric=None, source_score=None)
    text = drawn(dataclasses.replace(full_report, evaluation=found))
    assert "agrees 97.6%" in text
    assert "SQNR 28.5 dB" in text
    assert "->" not in text


def test_not_evaluated_and_not_measured(bare_report: Report) -> None:
    text = drawn(bare_report)
    assert "not evaluated" in text
    assert "SQNR identical" in text
    assert "pass" in text


def test_an_error_that_grows_is_in_per_cent(full_report: Report) -> None:
    found = dataclasses.replace(full_report.evaluation, drop_unit="per cent of the source's error")
    assert "0.40 % [-0.61, 1.40]" in drawn(dataclasses.replace(full_report, evaluation=found))


def test_notes_are_said_once_and_the_gravest_first(full_report: Report) -> None:
    other = renamed(full_report, "onnx-int8", broken_promises=(), missed_budgets=("size_kib: 9",))
    said = notes([full_report, other])
    assert [kind for kind, _ in said[:2]] == ["fail", "fail"]
    assert said[0][1].startswith("tflite-int8: broken promise: Every operator")
    assert said[1][1] == "onnx-int8: missed budget: size_kib: 9"
    slow = [text for _, text in said if "slower" in text]
    assert slow == [full_report.latency.warning]
    assert sum("too-few-samples" in text for _, text in said) == 1


def test_a_finding_that_is_a_warning_too_is_said_once(full_report: Report) -> None:
    doubled = dataclasses.replace(full_report, warnings=("too-few-samples: few: conv2d/1",))
    assert sum("too-few-samples" in text for _, text in notes([doubled])) == 1


def test_a_hostile_name_does_not_reach_the_terminal(hostile_report: Report) -> None:
    text = drawn(hostile_report)
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= 80


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with progress(stream) as told:
        with told.stage("trace"):
            told.advance()
        with told.stage("calibrate", 1000):
            told.advance(500)
    assert stream.getvalue() == "trace\ncalibrate (1,000)\n"


def test_bars_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    stream, before = Terminal(), (sys.stdout, sys.stderr)
    with progress(stream) as told:
        assert (sys.stdout, sys.stderr) == before
        with told.stage("load"), told.stage("calibrate [x]", 4):
            told.advance(3)
        told.advance()
    assert "calibrate [x]" in stream.getvalue()
    assert "4/4" in stream.getvalue()


def test_a_stage_that_fails_is_not_shown_as_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with pytest.raises(ZeroDivisionError), progress(stream) as told, told.stage("x", 4):
        told.advance()
        _ = 1 / 0
    assert "1/4" in stream.getvalue()
    assert "4/4" not in stream.getvalue()


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with progress(stream) as told, told.stage("load"):
        pass
    assert stream.getvalue() == "load\n"


def test_silence(capfd: pytest.CaptureFixture[str]) -> None:
    with progress(None) as told, told.stage("load", 3):
        told.advance()
    assert capfd.readouterr() == ("", "")
