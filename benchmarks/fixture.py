"""The model that speed is measured on, MobileNetV2-0.35-96, or another; pictures to calibrate it.

``python -m benchmarks.fixture FOLDER SAMPLES [ARCHITECTURE]`` writes ``model.keras`` and
``calibration.npz``.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT, environment


@dataclass(frozen=True, kw_only=True)
class Fixture:
    """A model file and its calibration samples."""

    model: Path
    data: Path


def make(folder: Path, samples: int = 100, architecture: str = "") -> Fixture:
    """Write model and samples in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.fixture", str(folder), str(samples), architecture]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=environment())
    return Fixture(model=folder / "model.keras", data=folder / "calibration.npz")


def _main(folder: Path, samples: int, architecture: str = "") -> None:
    import numpy as np

    from benchmarks.models import build, pictures

    small: dict[str, Any] = {"name": "MobileNetV2", "alpha": 0.35, "input_shape": (96, 96, 3)}
    model = build(architecture) if architecture else build(**small)
    model.save(folder / "model.keras")
    np.savez(folder / "calibration.npz", x=pictures(model, samples, seed=1))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
