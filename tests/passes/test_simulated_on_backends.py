"""A simulation computes the same numbers whoever computes them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras  # noqa: TID253
import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("simulated_numbers.py")
ROOT = PROGRAM.parents[2]


def numbers(backend: str, folder: Path) -> dict[str, np.ndarray]:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder / f"{backend}.npz")],
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with np.load(folder / f"{backend}.npz") as found:
        assert str(found["backend"]) == backend
        return {name: found[name] for name in found.files}


@pytest.mark.backend
def test_simulations_agree_with_those_on_tensorflow(tmp_path: Path) -> None:
    backend = keras.backend.backend()
    if backend == "tensorflow":
        pytest.skip("compares another backend with TensorFlow; `make backends` runs it")
    ours, theirs = numbers(backend, tmp_path), numbers("tensorflow", tmp_path)

    np.testing.assert_allclose(ours["first_ranges"], theirs["first_ranges"], rtol=1e-5, atol=1e-6)
    apart = np.abs(ours["simulated"] - theirs["simulated"])
    assert apart.max() <= 1.01 / 256, "one step of the output"
    assert (apart < 1e-6).mean() > 0.99
    np.testing.assert_allclose(ours["last_ranges"], theirs["last_ranges"], rtol=0.03, atol=1e-3)
    assert np.abs(ours["trained"] - theirs["trained"]).max() < 0.02
