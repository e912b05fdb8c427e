"""How far modelled latencies are from published ones: XNNPACK's table, leave-one-out.

The counts come from ``edgekit.benchmark`` on the emulated boards (``edgekit devices install
raspberry-pi-3 raspberry-pi-4``); weights are random, which counts do not depend on.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.rows import Row

# name -> (architecture, target); published in ms, all four cores: XNNPACK's README, February 2022.
MODELS = {
    "float v1": ("MobileNet", "tflite-fp32"),
    "float v2": ("MobileNetV2", "tflite-fp32"),
    "float v3 large": ("MobileNetV3Large", "tflite-fp32"),
    "float v3 small": ("MobileNetV3Small", "tflite-fp32"),
    "int8 v1": ("MobileNet", "tflite-int8"),
    "int8 v2": ("MobileNetV2", "tflite-int8"),
}
PUBLISHED_MS = {
    "raspberry-pi-4": (77, 46, 40, 15, 24, 17),
    "raspberry-pi-3": (114, 79, 67, 22, 46, 30),
}
# What costs time on a board. No constant: it would be what a file of three operators takes.
MISSES = ("l1_miss", "l2_miss")
BYTES = ("load_bytes", "store_bytes")
Structure = Sequence[Sequence[str]]
STRUCTURE: Mapping[str, Structure] = {
    "raspberry-pi-4": (("float_mac", "float"), ("integer_mac",), MISSES, ("operators",)),
    "raspberry-pi-3": (("integer_mac",), BYTES, ("operators",)),
}
BARS = {"raspberry-pi-4": (3.0, 8.0), "raspberry-pi-3": (10.0, 20.0)}
Numbers = Mapping[str, float]


def rows() -> Iterator[Row]:
    """Yield median and worst error for each board, and whether the order of models is right."""
    from edgekit.errors import EdgekitError

    try:
        counted = counts()
    except EdgekitError as error:
        yield Row(what="modelled latency", problem=str(error))
        return
    for board, published in PUBLISHED_MS.items():
        found = [counted[board][name] for name in MODELS]
        errors = [100 * error for error in left_out_errors(found, published, STRUCTURE[board])]
        note = ", ".join(f"{n} {e:.1f}" for n, e in zip(MODELS, errors, strict=True))
        for what, error, bar in zip(
            ("median", "worst"), (median(errors), max(errors)), BARS[board], strict=True
        ):
            yield Row(what=f"{board}: {what} leave-one-out error", unit="%", edgekit=error,
                      bar=bar, bar_on="figure", note=note)  # fmt: skip
        structure = STRUCTURE[board]
        told = predicted(fitted(found, published, structure), found, structure)
        right = bool((np.argsort(told) == np.argsort(published)).all())
        yield Row(what=f"{board}: order of the models is right", unit="", edgekit=float(right),
                  bar=1.0, bar_on="figure", at_least=True,
                  note=", ".join(f"{ms:.1f}" for ms in told))  # fmt: skip


def left_out_errors(
    found: Sequence[Numbers], published: Sequence[float], structure: Structure
) -> list[float]:
    """Return the relative error of each model, left out of the fit."""
    errors = []
    for left in range(len(found)):
        others = [place for place in range(len(found)) if place != left]
        weights = fitted([found[i] for i in others], [published[i] for i in others], structure)
        told = predicted(weights, [found[left]], structure)[0]
        errors.append(abs(told / published[left] - 1))
    return errors


def fitted(found: Sequence[Numbers], published: Sequence[float], structure: Structure) -> Any:
    """Return ms for each million of what a structure counts: least relative squares, none < 0."""
    from scipy.optimize import nnls

    table = _table(found, structure) / np.asarray(published)[:, None]
    return nnls(table, np.ones(len(published)))[0]


def predicted(weights: Any, found: Sequence[Numbers], structure: Structure) -> Any:
    """Return ms for each of some models."""
    return _table(found, structure) @ weights


def _table(found: Sequence[Numbers], structure: Structure) -> Any:
    return np.array(
        [[sum(one.get(name, 0.0) for name in names) / 1e6 for names in structure] for one in found]
    )


def counts() -> dict[str, dict[str, dict[str, float]]]:
    """Return the counts of every model on every board."""
    import edgekit

    made: dict[str, dict[str, dict[str, float]]] = {board: {} for board in PUBLISHED_MS}
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder:
        for name, path in _files(Path(folder)):
            operators = sum(
                not one.precision.startswith("constant") for one in edgekit.audit(path).operators
            )
            told = edgekit.benchmark(path, list(PUBLISHED_MS), operators=False)
            for one in told.measurements:
                if one.counts is not None:
                    made[one.device][name] = {**_numbers(one.counts), "operators": operators}
    return made


def _numbers(found: Any) -> dict[str, float]:
    return {
        **found.classes, "instructions": found.instructions,
        "load_bytes": found.load_bytes, "store_bytes": found.store_bytes,
        "l1_miss": found.l1_misses, "l2_miss": found.l2_misses,
    }  # fmt: skip


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    import edgekit
    from benchmarks.models import build, pictures

    for architecture, group in itertools.groupby(sorted(MODELS.items(), key=lambda m: m[1]),
                                                 key=lambda m: m[1][0]):  # fmt: skip
        wanted = dict(group)
        model = build(architecture, input_shape=(224, 224, 3))
        made = edgekit.convert(
            model, [target for _, target in wanted.values()], out=folder,
            calibration=pictures(model, 24, seed=1), options=edgekit.Options(measure=False),
        )  # fmt: skip
        for name, artifact in zip(wanted, made.artifacts, strict=True):
            yield name, artifact.path
