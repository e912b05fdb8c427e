"""Tests of a model, as they stand beside the training code; run with ``pytest``.

Expects ``digits.keras``, ``calibration.npz`` and ``test.npz`` beside it, which
``docs/examples/digits.py`` makes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def test_the_model_can_ship(assert_edge_ready: Any) -> None:
    """It loses at most 2 points in int8, and weighs at most 20 KiB."""
    assert_edge_ready(
        HERE / "digits.keras", target="tflite-int8", calibration=str(HERE / "calibration.npz"),
        evaluate=str(HERE / "test.npz"), max_accuracy_drop_pp=2, limits={"size_kib": 20},
    )  # fmt: skip
