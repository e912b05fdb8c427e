"""Which classes were taken for which, before and after, and the samples whose answer flipped."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.accuracy.labels import as_classes, class_scores, threshold_of
from edgekit.calibrate.samples import Samples
from edgekit.errors import DataError
from edgekit.pipeline.learn import Evaluated
from edgekit.report.details import Answers, Flip, Tally

MOST_PAIRS = 1000
MOST_FLIPS = 12
"""Of the samples that flipped, in each direction."""

MOST_NAMES = 2000
"""Of classes, each of ``MOST_LETTERS`` at most."""

MOST_LETTERS = 100
MOST_SIDE = 64
"""Pixels that a thumbnail is wide or high at most."""

_OF_NUMBERS = ("mse", "mae")
Classes = NDArray[np.int64]


def answers(done: Evaluated, *, thumbnails: bool, class_names: Sequence[str] = ()) -> Answers | str:
    """Return confusions and flips; a text where there are none, that says why.

    Args:
        done: An evaluation with all that it was computed from.
        thumbnails: Whether to keep small pictures of the samples that flipped, as far as the
            model's inputs are pictures.
        class_names: What to call the classes, if there is one for each; else what the data do.
    """
    output = done.found.output
    if done.labels is None or output is None:
        return "the evaluation data have no labels"
    if done.found.metric in _OF_NUMBERS:
        return f"{done.found.metric} compares numbers, not classes"
    given = done.labels
    labels = given.get(output) if isinstance(given, Mapping) else given
    reference, own = np.asarray(done.reference[output]), np.asarray(done.outputs[output])
    try:
        threshold = threshold_of(reference)
        before, after = (class_scores(scores, threshold) for scores in (reference, own))
        actual = as_classes(labels, before)
    except DataError:
        return "the labels are no classes"
    if actual.ndim != 1:
        return "the model gives several answers a sample"
    told = np.argmax(before, axis=-1), np.argmax(after, axis=-1)
    tallies, rest = _tallies(actual, *told)
    wrong, right = _flipped(actual, *told)
    shown = sorted({*wrong[:MOST_FLIPS], *right[:MOST_FLIPS]})
    pictures = _thumbnails(done.samples, shown) if thumbnails and shown else {}

    def flips(places: Sequence[int]) -> tuple[Flip, ...]:
        return tuple(
            _flip(at, actual, before, after, pictures.get(at)) for at in places[:MOST_FLIPS]
        )

    classes = before.shape[-1]
    names = class_names if len(class_names) == classes else done.samples.class_names[:classes]
    return Answers(
        classes=classes, class_names=tuple(name[:MOST_LETTERS] for name in names[:MOST_NAMES]),
        samples=len(actual), tallies=tallies, rest=rest,
        became_wrong=len(wrong), became_right=len(right),
        to_wrong=flips(wrong), to_right=flips(right),
    )  # fmt: skip


def _tallies(actual: Classes, before: Classes, after: Classes) -> tuple[tuple[Tally, ...], int]:
    """Count pairs, the most frequent ``MOST_PAIRS`` of them; and the counts left out."""
    then = Counter(zip(actual.tolist(), before.tolist(), strict=True))
    now = Counter(zip(actual.tolist(), after.tolist(), strict=True))
    ranked = sorted({*then, *now}, key=lambda pair: (-max(then[pair], now[pair]), pair))
    rest = sum(max(then[pair], now[pair]) for pair in ranked[MOST_PAIRS:])
    return tuple(
        Tally(actual=pair[0], answer=pair[1], before=then[pair], after=now[pair])
        for pair in sorted(ranked[:MOST_PAIRS])
    ), rest


def _flipped(actual: Classes, before: Classes, after: Classes) -> tuple[list[int], list[int]]:
    right, still = before == actual, after == actual
    return np.flatnonzero(right & ~still).tolist(), np.flatnonzero(~right & still).tolist()


def _flip(
    at: int, actual: Classes, before: NDArray[Any], after: NDArray[Any], picture: str | None
) -> Flip:
    return Flip(
        sample=at,
        actual=int(actual[at]),
        before=int(np.argmax(before[at])),
        after=int(np.argmax(after[at])),
        before_score=float(np.max(before[at])),
        after_score=float(np.max(after[at])),
        thumbnail=picture,
    )


def _thumbnails(samples: Samples, places: Sequence[int]) -> dict[int, str]:
    """Return pictures in base64 by place; none where no input is a picture."""
    name = next((spec.name for spec in samples.inputs if is_picture(spec.shape)), None)
    if name is None:
        return {}
    chosen = samples.take(np.asarray(places, np.int64))
    rows = [row for batch in chosen.batches(MOST_FLIPS) for row in batch.inputs[name]]
    return {at: _png(row) for at, row in zip(places, rows, strict=True)}


def is_picture(shape: Sequence[int | None]) -> bool:
    """Whether an input is one, by its shape: height, width of 4 and more, 1, 3 or 4 channels."""
    sides = [size or MOST_SIDE for size in shape[1:3]]
    return len(shape) == 4 and shape[3] in (1, 3, 4) and min(sides) >= 4


def _png(row: NDArray[Any]) -> str:
    """Return a sample as a small PNG; numbers that are no bytes are stretched to black and white.

    Raises nothing: a sample has passed the checks of data already.
    """
    from PIL import Image

    numbers = np.asarray(row, np.float64)
    low, high = float(numbers.min()), float(numbers.max())
    if row.dtype != np.uint8:
        numbers = (numbers - low) * (255 / (high - low) if high > low else 0.0)
    pixels = np.clip(numbers, 0, 255).astype(np.uint8)
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    picture.thumbnail((MOST_SIDE, MOST_SIDE))
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()
