"""What a board's facts say of how far its latencies can be trusted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgekit.devices.remote.doubts import doubts_about
from edgekit.devices.remote.protocol import Answer, Ask, Facts, Moment, Run, command, decoded
from edgekit.errors import DeviceError, OptionError

RUN = Run(
    runtime="ai-edge-litert", version="2", settings="", load_ms=1.0, warmup_ms=(),
    samples_ms=(1.0,) * 40, memory_before_kib=1.0, peak_kib=2.0, outputs=(),
)  # fmt: skip
QUIET = Answer(
    facts=Facts(cores=4, governor="performance", frequency_max_mhz=1800),
    before=Moment(temperatures={"cpu": 40.0}, load=0.5, throttled="0x0", frequency_mhz=1800),
    after=Moment(temperatures={"cpu": 55.0}, load=0.9, throttled="0x0", frequency_mhz=1800),
)
ASK = Ask(min_runs=40, max_runs=100)


def after(**changed: object) -> Answer:
    return replace(QUIET, after=replace(QUIET.after, **changed))


def test_a_quiet_board_is_trusted() -> None:
    assert doubts_about(RUN, QUIET, ASK) == ()


def test_a_board_that_tells_nothing_is_not_doubted() -> None:
    assert doubts_about(RUN, Answer(), ASK) == ()


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (replace(QUIET, facts=Facts(cores=4, governor="ondemand")), "governor is ondemand"),
        (replace(QUIET, facts=Facts(cores=4, governor="performance powersave")), "powersave"),
        (after(temperatures={"cpu": 55.1}), "cpu rose by 15 K to 55 degrees C"),
        (after(throttled="0x4"), "it is throttled"),
        (after(throttled="0x10000"), "the supply voltage is too low"),
        (after(throttled="0x50005"), "the supply voltage is too low"),
        (after(frequency_mhz=1000), "the clock was at 1000 of 1800 MHz"),
        (replace(QUIET, before=Moment(load=4.5)), "load average 4.5 on 4 cores"),
    ],
)
def test_each_reason_is_told(answer: Answer, text: str) -> None:
    assert any(text in said for said in doubts_about(RUN, answer, ASK))


def test_what_happened_before_the_runs_is_no_reason() -> None:
    since_start = replace(QUIET, before=replace(QUIET.before, throttled="0x50000"))
    assert doubts_about(RUN, replace(since_start, after=QUIET.after), ASK) == ()
    still = replace(since_start, after=replace(QUIET.after, throttled="0x50000"))
    assert doubts_about(RUN, still, ASK) == ()


def test_drift_and_effort_are_told() -> None:
    drifting = replace(RUN, samples_ms=(1.0,) * 20 + (1.4,) * 20)
    assert any("drift" in said for said in doubts_about(drifting, QUIET, ASK))
    assert any("8 threads on 4" in s for s in doubts_about(RUN, QUIET, replace(ASK, threads=8)))
    cut = doubts_about(RUN, QUIET, replace(ASK, min_runs=10, max_runs=40, min_seconds=2.0))
    assert any("stopped at 40 runs, before 2 s" in said for said in cut)


@pytest.mark.parametrize("python", ["python3", "/opt/my-venv/bin/python3.11", "venv/bin/python"])
def test_the_command_has_the_interpreter_and_nothing_else_of_the_users(python: str) -> None:
    assert command(python).startswith(f'{python} -c "import sys;')


@pytest.mark.parametrize("python", ["", "-c", "a b", "a;b", "$(a)", "a\n", "`a`", "~/python", "a'"])
def test_interpreters_that_a_shell_could_misread_are_refused(python: str) -> None:
    with pytest.raises(OptionError, match=r"address\.python: expected"):
        command(python)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"facts": 3}', b'{"run": {}}'])
def test_answers_that_are_none_are_one_line(content: bytes) -> None:
    with pytest.raises(DeviceError, match="gave no answer that can be read"):
        decoded(content)
