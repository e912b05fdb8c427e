"""Ctrl-C and kill -9 at every stage; two conversions into one place."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit.manifest import verify

PLACE = "work/out/tiny/tflite-int8"
STAGES = (
    "facts", "load", "trace", "lint", "reference (held back)", "export-tflite", "calibrate",
    "match-tflite", "trace-wide", "quantize tflite-int8", "audit tflite-int8",
    "reference (evaluate)", "measure tflite-int8",
)  # fmt: skip


def job(folder: Path, bench, stage: str | None = None, sent: int = 0) -> dict[str, Any]:
    for name in ("cache", "passing", "work"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    words = [
        "convert", bench.model, "-t", "tflite-int8", "-c", bench.data, "-e", bench.data,
        "-m", "top1", "--estimator", "min-max", "-o", folder / "work" / "out",
    ]  # fmt: skip
    if stage is None or not stage.startswith("measure"):
        words.append("--no-measure")
    return {
        "words": [str(word) for word in words],
        "env": {"EDGEKIT_CACHE": str(folder / "cache"), "TMPDIR": str(folder / "passing")},
        "stage": stage, "signal": sent, "delay_s": 0.02,
        "group": stage is not None and stage.startswith("measure"),
    }  # fmt: skip


@pytest.fixture
def left_over(tree) -> Callable[[Path], list[str]]:
    """Name what lies about outside of results and of finished cache entries."""

    def names(folder: Path) -> list[str]:
        hidden = [name for name in tree(folder / "work") if "/." in name or name.startswith(".")]
        return [*hidden, *tree(folder / "passing"), *tree(folder / "cache" / "staging")]

    return names


@pytest.mark.slow
def test_ctrl_c_at_each_stage_leaves_nothing(tmp_path: Path, bench, forks, left_over, tree) -> None:
    folders = [tmp_path / str(number) for number in range(len(STAGES))]
    before = bench.contents()
    answers = forks([job(f, bench, s, signal.SIGINT) for f, s in zip(folders, STAGES, strict=True)])
    for stage, folder, answer in zip(STAGES, folders, answers, strict=True):
        assert answer["hit"], (stage, answer)
        assert (answer["code"], answer["out"]) == (130, ""), (stage, answer)
        lines = answer["err"].splitlines()
        assert lines[-1] == "Interrupted", (stage, lines)
        around = ("evaluate tflite-int8", "make tflite-int8", "parity")
        known = {s.split(" (")[0] for s in (*STAGES, *around)}
        assert {line.split(" (")[0] for line in lines[:-1]} <= known
        assert left_over(folder) == [], stage
        assert tree(folder / "work") == [], stage
    assert bench.contents() == before


@pytest.mark.slow
def test_a_killed_run_is_mended_by_the_next(
    tmp_path: Path, bench, forks, left_over, sha256
) -> None:
    stages = ["load", "trace", "calibrate", "quantize tflite-int8"]
    folders = [tmp_path / str(number) for number in range(len(stages))]
    killed = forks([job(f, bench, s, signal.SIGKILL) for f, s in zip(folders, stages, strict=True)])
    for stage, folder, answer in zip(stages, folders, killed, strict=True):
        assert (answer["hit"], answer["code"]) == (True, -signal.SIGKILL), (stage, answer)
        assert not (folder / PLACE).exists(), stage
    again = forks([job(folder, bench) for folder in folders])
    for stage, folder, answer in zip(stages, folders, again, strict=True):
        assert answer["code"] == 0, (stage, answer)
        assert left_over(folder) == [], stage
        assert verify(folder / PLACE) == []
    assert len({sha256(folder / PLACE / "model.tflite") for folder in folders}) == 1


def test_a_kill_during_a_second_run_leaves_the_first_result(tmp_path: Path, bench, forks) -> None:
    other = job(tmp_path, bench, "quantize tflite-int8", signal.SIGKILL)
    other["words"] += ["--samples", "20"]
    first, second = forks([job(tmp_path, bench), other])
    assert (first["code"], second["code"]) == (0, -signal.SIGKILL)
    assert verify(tmp_path / PLACE) == []


def test_two_conversions_into_one_place(tmp_path: Path, bench, forks, left_over) -> None:
    """Both are done, or one says that the other is writing; the result is whole in any case."""
    cold = {**job(tmp_path, bench), "copies": 2}
    warm = {**job(tmp_path, bench), "copies": 4}
    for answer in forks([cold, warm, warm]):
        assert 0 in answer["codes"]
        for code, said in zip(answer["codes"], answer["errs"], strict=True):
            assert code == 0 or "is writing here; wait for it" in said.splitlines()[-1], said
    assert verify(tmp_path / PLACE) == []
    assert left_over(tmp_path) == []
