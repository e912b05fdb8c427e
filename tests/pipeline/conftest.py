"""A tiny trained-looking model, its data, and ways to run the command on them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
FORKS = Path(__file__).with_name("forks.py")


@dataclass(frozen=True)
class Bench:
    """Where the model and the data lie; tests never write here."""

    folder: Path

    @property
    def model(self) -> Path:
        return self.folder / "tiny.keras"

    @property
    def data(self) -> Path:
        return self.folder / "data.npz"

    def contents(self) -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in self.folder.iterdir()}


@pytest.fixture(scope="session")
def sha256() -> Callable[[Path], str]:
    """Tell the digest of a file."""
    return lambda path: hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], list[str]]:
    """List all that is below a folder."""
    return lambda folder: sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


@pytest.fixture(scope="session")
def tiny_model() -> Callable[[], Any]:
    """Make a small classifier of 8x8 pictures; the same weights at every call."""

    def make() -> Any:
        import keras

        layers = keras.layers
        model = keras.Sequential(
            [
                keras.Input((8, 8, 1), name="image"),
                layers.Conv2D(4, 3, activation="relu", name="conv"),
                layers.GlobalAveragePooling2D(name="pool"),
                layers.Dense(3, activation="softmax", name="scores"),
            ],
            name="tiny",
        )
        rng = np.random.default_rng(7)
        model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
        return model

    return make


@pytest.fixture(scope="session")
def tiny_data() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Make samples and labels for it; the same ones at every call."""

    def make(count: int = 48) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(3)
        return rng.uniform(-1, 1, (count, 8, 8, 1)).astype(np.float32), rng.integers(0, 3, count)

    return make


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory, tiny_model, tiny_data) -> Bench:
    folder = tmp_path_factory.mktemp("bench")
    model = tiny_model()
    model.save(folder / "tiny.keras")
    x, y = tiny_data()
    np.savez(folder / "data.npz", image=x, y=y)
    return Bench(folder)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with a cache and a place for passing files of its own."""
    work = tmp_path / "work"
    work.mkdir()
    for name, folder in (("EDGEKIT_CACHE", "cache"), ("TMPDIR", "passing")):
        (tmp_path / folder).mkdir()
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def edgekit() -> Callable[..., Any]:
    """Run the command line in this process."""

    def run(*words: object) -> Any:
        from edgekit.cli import main

        return CliRunner().invoke(main, [str(word) for word in words], prog_name="edgekit")

    return run


@pytest.fixture
def process() -> Callable[..., Any]:
    """Run a Python program in a process of its own, by default the command line."""

    def run(*words: object, code: str | None = None, **env: str) -> Any:
        start = ["-c", code] if code else ["-m", "edgekit"]
        return subprocess.run(
            [sys.executable, *start, *(str(word) for word in words)],
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def forks(tmp_path: Path) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    """Run many jobs, each in a process forked from one that has imported the frameworks."""

    def run(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, str(FORKS)], input=json.dumps(jobs),
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        answer: list[dict[str, Any]] = json.loads(done.stdout)
        return answer

    return run
