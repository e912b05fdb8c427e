"""What a model remembers of its training data, held against the samples at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import TensorSpec
from edgekit.calibrate import choice
from edgekit.calibrate.probe import Probe, probe
from edgekit.calibrate.samples import Samples
from edgekit.calibrate.watch import Enough, Seen, Watch, watching
from edgekit.errors import DataError, one_line

Array = NDArray[Any]
Pack = Callable[[Sequence[Any]], Any]

MOST_SAMPLES = 64
LEAST_SAMPLES = 8
# Samples are fewer where they are large: a batch holds about this many values.
VALUES = 2_000_000
CHUNK = 16


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What reaches a normalizing layer now, against what it recorded in training.

    Medians over the layer's channels. ``shift`` is the distance of the means in recorded standard
    deviations, ``log2_ratio`` the binary logarithm of variance now over variance recorded, and
    ``spread`` its interquartile range over the channels: a scaling error moves all channels alike.
    ``first`` says that no normalizing layer ran before. ``warming`` says that the recorded values
    are explained by a moving average that had not yet left its starting values 0 and 1.
    """

    layer: str
    kind: Literal["BatchNormalization", "Normalization"]
    shift: float
    log2_ratio: float
    spread: float
    channels: int
    first: bool
    warming: bool = False


@dataclass(frozen=True, kw_only=True)
class Rescaled:
    """What a ``Rescaling`` layer makes of the samples themselves: ``lo`` and ``hi`` after it."""

    layer: str
    scale: float
    offset: float
    lo: float
    hi: float


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What the model says about its input, seen with some of the samples."""

    inputs: tuple[TensorSpec, ...]
    samples: int = 0
    statistics: tuple[Statistics, ...] = ()
    rescalings: tuple[Rescaled, ...] = ()
    probe: Probe | None = None


def gather(model: Any, samples: Samples, *, pack: Pack | None = None) -> ModelFacts:
    """Run a model's first layers on at most 64 samples and compare with what they remember.

    Eager, without training, and no further than the first batch norms. A model that has no layer
    with recorded statistics runs whole, and its answers are probed (see ``probe``). The model is
    not changed.

    Args:
        model: A ``keras.Model`` of any kind.
        samples: Samples for its inputs.
        pack: Nests arrays, in the order of ``samples.inputs``, the way the model takes them;
            left out, they are matched by name, and a model that declares no names takes one array
            bare and several as a dict.

    Raises:
        DataError: the model fails on the samples.
    """
    arrays, labels = _some(samples)
    if arrays is None:
        return ModelFacts(inputs=samples.inputs)
    run = _runner(model, samples, pack)
    most = 2 * len(samples.inputs)
    with watching(model, most) as watch:
        output = _collect(run, watch, arrays)
    seen = list(watch.seen.values())
    statistics = _statistics(seen)
    rescalings = tuple(fact for each in seen if (fact := _rescaled(each, arrays)))
    asked = None
    floats = any(x.dtype.kind == "f" for x in arrays)
    if floats and not statistics and not rescalings and output is not None:
        asked = probe(lambda x: _whole(run, x), arrays, labels)
    return ModelFacts(
        inputs=samples.inputs,
        samples=len(arrays[0]),
        statistics=statistics,
        rescalings=rescalings,
        probe=asked,
    )


def compare(
    mean: Array, variance: Array, recorded_mean: Array, recorded_variance: Array
) -> tuple[float, float, float]:
    """Return shift, binary logarithm of the variance ratio, and its spread over channels.

    Medians and interquartile range over the channels that were alive in training: those whose
    recorded variance is at least a ten-thousandth of the greatest.
    """
    alive = recorded_variance >= 1e-4 * recorded_variance.max()
    recorded = recorded_variance[alive]
    shift = np.abs(mean[alive] - recorded_mean[alive]) / np.sqrt(recorded)
    ratio = np.log2(np.maximum(variance[alive], 2.0**-60 * recorded) / recorded)
    high, low = np.percentile(ratio, [75, 25])
    return float(np.median(shift)), float(np.median(ratio)), float(high - low)


def still_warming(variance: Array, recorded_variance: Array) -> bool:
    """Say whether the recorded variances are a moving average on its way from its start, 1.

    After ``t`` updates with momentum ``m`` they are ``a + (1 - a) * variance`` with ``a = m**t``,
    the same for all channels. True if a line fits recorded over actual variances with such an
    ``a`` and a slope within a factor of 2.5 of ``1 - a``; a scaling error has another slope.
    """
    if len(variance) < 4 or np.ptp(variance) == 0 or np.ptp(recorded_variance) == 0:
        return False
    slope, a = np.polyfit(variance, recorded_variance, 1)
    related = np.corrcoef(variance, recorded_variance)[0, 1] > 0.9
    return bool(related and 0.02 < a < 0.99 and 0.4 < slope / (1 - a) < 2.5)


def _some(samples: Samples) -> tuple[list[Array] | None, Array | None]:
    """Return some finite samples for every input, and their classes."""
    size = sum(int(np.prod([n or 1 for n in spec.shape[1:]])) for spec in samples.inputs)
    count = min(max(VALUES // max(size, 1), LEAST_SAMPLES), MOST_SAMPLES, len(samples))
    places = choice.choose(len(samples), count, classes=samples.classes(), seed=samples.seed)
    chosen = samples.take(places)
    parts: list[dict[str, Array]] = []
    good: list[Array] = []
    for batch in chosen.batches(CHUNK, finite=False):
        fine = np.ones(len(batch), bool)
        for rows in batch.inputs.values():
            fine &= np.isfinite(rows).reshape(len(rows), -1).all(axis=1)
        parts.append({name: rows[fine] for name, rows in batch.inputs.items()})
        good.append(fine)
    arrays = [np.concatenate([part[name] for part in parts]) for name in samples.names]
    if not len(arrays[0]):
        return None, None
    classes = chosen.classes()
    return arrays, None if classes is None else classes[np.concatenate(good)]


def _runner(model: Any, samples: Samples, pack: Pack | None) -> Pack:
    nest = pack or (lambda arrays: _nest(model, samples.names, arrays))

    def run(arrays: Sequence[Any]) -> Any:
        import keras

        try:
            output = model(nest([keras.ops.convert_to_tensor(x) for x in arrays]), training=False)
            return keras.tree.map_structure(keras.ops.convert_to_numpy, output)
        except Exception as error:
            raise DataError(
                f"{samples.origin}: expected samples that the model runs on, got "
                f"{type(error).__name__}: {one_line(error, 200)}; check them with model.predict"
            ) from error

    return run


def _nest(model: Any, names: Sequence[str], arrays: Sequence[Any]) -> Any:
    import keras

    named = dict(zip(names, arrays, strict=True))
    structure = getattr(model, "_inputs_struct", None)
    if structure is not None and all(t.name in named for t in keras.tree.flatten(structure)):
        return keras.tree.map_structure(lambda tensor: named[tensor.name], structure)
    return arrays[0] if len(arrays) == 1 else named


def _collect(run: Pack, watch: Watch, arrays: Sequence[Array]) -> Any:
    """Run in chunks under a watch; return the last output, ``None`` if no run went to its end."""
    output = None
    for start in range(0, len(arrays[0]), CHUNK):
        watch.begin()
        try:
            output = run([x[start : start + CHUNK] for x in arrays])
        except Enough:
            output = None
    return output


def _whole(run: Pack, arrays: Sequence[Array]) -> Array:
    """Return the first output for all samples, or one that nobody takes for class scores."""
    parts = []
    for start in range(0, len(arrays[0]), CHUNK):
        output = run([x[start : start + CHUNK] for x in arrays])
        if isinstance(output, dict | list | tuple):
            values = list(output.values()) if isinstance(output, dict) else list(output)
            if len(values) != 1:
                return np.empty(0)
            output = values[0]
        parts.append(np.asarray(output))
    return np.concatenate(parts)


def _statistics(seen: Sequence[Seen]) -> tuple[Statistics, ...]:
    found: list[Statistics] = []
    for each in seen:
        recorded = _recorded(each)
        if recorded is None:
            continue
        shift, ratio, spread = compare(each.mean, each.variance, *recorded)
        kind = cast("Literal['BatchNormalization', 'Normalization']", each.kind)
        found.append(
            Statistics(
                layer=each.name,
                kind=kind,
                shift=shift,
                log2_ratio=ratio,
                spread=spread,
                channels=len(recorded[0]),
                first=not found,
                warming=kind == "BatchNormalization" and still_warming(each.variance, recorded[1]),
            )
        )
    return tuple(found)


def _recorded(each: Seen) -> tuple[Array, Array] | None:
    """Return the mean and variance that a layer recorded, ``None`` if it never did."""
    layer = each.layer
    if each.kind == "BatchNormalization":
        mean, variance = layer.moving_mean, layer.moving_variance
    elif each.kind == "Normalization" and getattr(layer, "mean", None) is not None:
        mean, variance = layer.mean, layer.variance
    else:
        return None
    mean = np.asarray(mean, np.float64).ravel()
    variance = np.asarray(variance, np.float64).ravel()
    untouched = bool((mean == 0).all() and (variance == 1).all())
    fits = mean.shape == variance.shape == each.mean.shape
    usable = fits and np.isfinite(variance).all() and variance.max(initial=0.0) > 0
    return (mean, variance) if usable and not untouched else None


def _rescaled(each: Seen, arrays: Sequence[Array]) -> Rescaled | None:
    """Return what a layer makes of the samples, if it is one that takes them directly."""
    if (
        each.kind != "Rescaling"
        or np.size(each.layer.scale) != 1
        or np.size(each.layer.offset) != 1
    ):
        return None
    if not any(np.isclose(x.min(), each.lo) and np.isclose(x.max(), each.hi) for x in arrays):
        return None
    scale = float(np.ravel(each.layer.scale)[0])
    offset = float(np.ravel(each.layer.offset)[0])
    ends = sorted((each.lo * scale + offset, each.hi * scale + offset))
    return Rescaled(layer=each.name, scale=scale, offset=offset, lo=ends[0], hi=ends[1])
