"""Masks before a softmax are made small, and hide as much as before."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import runtimes
from edgekit.formats import tflite
from edgekit.quantizers.masks import find_masks, soften_masks

pytestmark = pytest.mark.filterwarnings("ignore:.*np.bool.*")
HUGE = -1e9
KERNEL = np.random.default_rng(1).normal(size=(6, 6)).astype(np.float32)
X = np.random.default_rng(2).normal(size=(40, 6)).astype(np.float32)
X[:, 0] = -1  # never hidden: a softmax over nothing is anything
SEEN = np.array([1, 1, 0, 1, 0, 1], np.float32)


def added(tf: Any, scores: Any, _: Any) -> Any:
    return scores + np.where(SEEN, 0, HUGE).astype(np.float32)


def multiplied(tf: Any, scores: Any, x: Any) -> Any:
    return scores + tf.maximum(tf.sign(x), 0.0) * HUGE


def selected(tf: Any, scores: Any, x: Any) -> Any:
    return tf.where(x > 0, tf.constant(HUGE), scores)


def reshaped(tf: Any, scores: Any, x: Any) -> Any:
    return tf.reshape(selected(tf, scores, x), (1, 2, 3))


def mild(tf: Any, scores: Any, _: Any) -> Any:
    return scores + np.where(SEEN, 0, -9).astype(np.float32)


MASKS = [added, multiplied, selected, reshaped]


def converted(function: Any) -> bytes:
    import tensorflow as tf

    traced = tf.function(partial(function, tf))
    concrete = traced.get_concrete_function(tf.TensorSpec((1, 6), name="x"))
    content: bytes = tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()
    return content


def written(mask: Any, *, last: str = "softmax") -> bytes:
    """Return a float file that hides some of the scores of ``x``."""

    def function(tf: Any, x: Any) -> Any:
        return getattr(tf.nn, last)(mask(tf, 3 * tf.tanh(x @ KERNEL), x))

    return converted(function)


def computed(content: bytes, path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the output, and everything on the way to it, by name."""
    path.write_bytes(content)
    artifact = runtimes.describe(path)
    inputs = {artifact.inputs[0].name: X}
    [output] = runtimes.open_runner(artifact).run(inputs).values()
    return output, dict(runtimes.tensors(artifact, inputs))


def ranges_of(found: Mapping[str, np.ndarray]) -> dict[str, tuple[float, float]]:
    return {name: (float(v.min()), float(v.max())) for name, v in found.items()}


@pytest.mark.parametrize("mask", MASKS)
def test_a_softened_mask_hides_what_it_hid(mask, tmp_path: Path) -> None:
    content = written(mask)
    assert find_masks(tflite.parse(content))
    before, inside = computed(content, tmp_path / "huge.tflite")
    assert min(values.min() for values in inside.values()) <= HUGE
    soft = soften_masks(content, ranges_of(inside))
    assert not find_masks(tflite.parse(soft))
    after, inside = computed(soft, tmp_path / "soft.tflite")
    assert (before == 0).any()
    assert np.abs(after - before).max() <= 6 * np.exp(-16.0)
    assert min(values.min() for values in inside.values()) >= -16 - 3 * 6


@pytest.mark.parametrize("mask", MASKS)
def test_what_a_mask_touches_gets_another_name(mask, tmp_path: Path) -> None:
    content = written(mask)
    _, before = computed(content, tmp_path / "huge.tflite")
    _, after = computed(soften_masks(content, ranges_of(before)), tmp_path / "soft.tflite")
    masked = {name for name in before if before[name].min() <= HUGE}
    assert masked
    assert set(after) == {f"{name};softened" if name in masked else name for name in before}


def test_softmaxes_that_share_a_mask_hide_by_it_all_the_same(tmp_path: Path) -> None:
    """Their scores lie in very different ranges."""

    def both(tf: Any, x: Any) -> Any:
        mask = tf.maximum(tf.sign(x), 0.0) * HUGE
        wide, narrow = 30 * tf.tanh(x @ KERNEL), tf.tanh(x @ KERNEL[::-1])
        return tf.concat([tf.nn.softmax(wide + mask), tf.nn.softmax(narrow + mask)], -1)

    content = converted(both)
    before, inside = computed(content, tmp_path / "huge.tflite")
    masked = [name for name, values in inside.items() if values.min() <= HUGE]
    assert len(masked) == 3
    known = ranges_of(inside)
    partly = {name: ends for name, ends in known.items() if max(map(abs, ends)) > 1}
    assert find_masks(tflite.parse(soften_masks(content, partly))), (
        "the narrow scores are not known"
    )
    after, inside = computed(soften_masks(content, known), tmp_path / "soft.tflite")
    assert np.abs(after - before).max() <= 6 * np.exp(-16.0)
    assert {f"{name};softened" for name in masked} <= set(inside)


@pytest.mark.parametrize("known", [{}, {"another": (0.0, 1.0)}])
def test_scores_of_unknown_range_stay_as_they_are(known, tmp_path: Path) -> None:
    content = written(selected)
    soft = soften_masks(content, known)
    assert find_masks(tflite.parse(soft))
    assert np.array_equal(
        computed(soft, tmp_path / "a.tflite")[0], computed(content, tmp_path / "b.tflite")[0]
    )


@pytest.mark.parametrize(("mask", "last"), [(mild, "softmax"), (added, "relu")])
def test_other_constants_are_no_masks(mask, last: str, tmp_path: Path) -> None:
    content = written(mask, last=last)
    assert not find_masks(tflite.parse(content))
    _, inside = computed(content, tmp_path / "float.tflite")
    assert soften_masks(content, ranges_of(inside)) == tflite.pack(tflite.parse(content))
