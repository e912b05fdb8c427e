"""A killed training goes on where it stopped, and ends with the same model."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

RECIPE = """
schema = 1
name = "two"
description = "zeros, then shared values"

[[passes]]
name = "magnitude-prune"
only = ["*"]
learning_rate = 0.01

[[passes]]
name = "cluster"
clusters = 4
only = ["*"]
"""
MODULE = """
import numpy as np

def train():
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, (48, 8, 8, 1)).astype(np.float32)
    y = rng.integers(0, 3, 48)
    for place in range(0, 48, 8):
        yield x[place:place + 8], y[place:place + 8]
"""


def job(folder: Path, bench, data: object, stage: str | None = None) -> dict[str, Any]:
    for name in ("cache", "passing", "work"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "work" / "two.toml").write_text(RECIPE)
    words = ["compress", bench.model, "--recipe", folder / "work" / "two.toml", "--train", data,
             "--epochs", 3, "--batch-size", 8, "-o", folder / "work" / "small.keras"]  # fmt: skip
    return {
        "words": [str(word) for word in words],
        "env": {"EDGEKIT_CACHE": str(folder / "cache"), "TMPDIR": str(folder / "passing")},
        "stage": stage, "signal": signal.SIGKILL, "delay_s": 0.05,
    }  # fmt: skip


def values(path: Path) -> list[bytes]:
    import keras

    return [array.tobytes() for array in keras.saving.load_model(path).get_weights()]


STAGES = ("magnitude-prune: epoch 2/3", "magnitude-prune: epoch 3/3", "cluster: epoch 2/3")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "code"])
def test_killed_and_resumed_is_as_if_never_killed(
    tmp_path: Path, bench, forks, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "killed_data.py").write_text(MODULE)
    monkeypatch.chdir(code)
    data = bench.data if kind == "file" else "killed_data:train"
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    answers = forks([job(whole, bench, data), *(job(cut, bench, data, stage) for stage in STAGES)])
    for stage, answer in zip(STAGES, answers[1:], strict=True):
        assert (answer["hit"], answer["code"]) == (True, -signal.SIGKILL), (stage, answer)
    assert list((cut / "cache" / "unfinished").iterdir())
    [last] = forks([job(cut, bench, data)])
    assert (answers[0]["code"], last["code"]) == (0, 0), (answers[0], last)
    done = last["err"].splitlines()
    assert not any(line.startswith("magnitude-prune: epoch") for line in done), done
    assert not any(line.startswith("cluster: epoch 1/3") for line in done), done
    assert any(line.startswith("cluster: epoch 2/3") for line in done), done
    assert values(whole / "work" / "small.keras") == values(cut / "work" / "small.keras")
    left = [path for path in (cut / "cache" / "unfinished").rglob("*") if path.is_file()]
    assert left == []
    assert list((cut / "passing").iterdir()) == []


def test_no_cache_leaves_nothing(tmp_path: Path, bench, forks) -> None:
    asked = job(tmp_path, bench, bench.data)
    asked["words"] += ["--no-cache", "--json"]
    [done] = forks([asked])
    assert done["code"] == 0, done
    assert json.loads(done["out"])["passes"][0]["name"] == "magnitude-prune"
    assert list((tmp_path / "cache").iterdir()) == []
