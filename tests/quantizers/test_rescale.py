"""Drafts on other ranges are what the quantizer makes on them, and say where they cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.formats import tflite, tflite_edit
from edgekit.formats.tflite_scores import with_scores
from edgekit.quantizers.rescale import Drafts, NotPlain, biases, effective, grid, most_telling
from edgekit.quantizers.tflite import quantize

pytestmark = pytest.mark.filterwarnings("ignore:.*np.bool.*")
keras = pytest.importorskip("keras")
L = keras.layers
LSB = 2


def branches(x: Any) -> Any:
    one = L.Conv2D(4, 3, padding="same", activation="relu", name="one")(x)
    two = L.DepthwiseConv2D(3, padding="same", activation="relu6", name="two")(one)
    x = L.Concatenate(name="both")([L.Add(name="sum")([one, two]), L.MaxPooling2D(1)(two)])
    x = L.Conv2DTranspose(3, 2, strides=2, name="wide")(L.AveragePooling2D(2)(x))
    x = L.Multiply(name="gated")([x, L.Conv2D(3, 1, activation="sigmoid", name="gate")(x)])
    return L.Dense(5, activation="softmax", name="y")(L.GlobalAveragePooling2D()(x))


def chain(x: Any) -> Any:
    x = L.LeakyReLU()(L.Conv2D(4, 3, name="one")(L.ZeroPadding2D(1)(x)))
    x = L.Activation("tanh", name="bent")(L.Conv2D(4, 3, use_bias=False, name="two")(x))
    return L.Dense(3, name="y")(L.Flatten()(L.UpSampling2D(2, interpolation="bilinear")(x)))


def gated(x: Any) -> Any:
    x = L.DepthwiseConv2D(3, name="two")(L.Conv2D(4, 3, name="one")(x))
    x = L.Flatten()(L.Conv2D(3, 1, activation="sigmoid", name="gate")(x))
    return L.Softmax(name="y")(L.Dense(4, activation="tanh", name="bent")(x) * 4.0)


def exponential(x: Any) -> Any:
    return L.Dense(3, name="y")(keras.ops.exp(L.Flatten()(L.Conv2D(4, 3, name="one")(x))))


def constant_joined(x: Any) -> Any:
    x = L.Conv2D(4, 3, name="one")(x)
    return L.Dense(3, name="y")(L.Flatten()(L.Concatenate()([x, keras.ops.full_like(x, 0.25)])))


def float_file(build: Callable[[Any], Any]) -> tuple[bytes, np.ndarray]:
    """Return a float file and 8 samples for it."""
    from edgekit.exporters import tflite as exporter
    from edgekit.trace import freeze, signature

    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3), name="x")
    model = keras.Model(inputs, build(inputs))
    for layer in model.layers:
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(np.random.default_rng(1).normal(0, 0.3, layer.bias.shape))
    samples = np.random.default_rng(0).normal(size=(8, 8, 8, 3)).astype(np.float32)
    return exporter.export(freeze(model, signature(model, {}))), samples


def seen(content: bytes, samples: np.ndarray, tmp_path: Path) -> dict[str, tuple[float, float]]:
    from edgekit import runtimes

    path = tmp_path / "float.tflite"
    path.write_bytes(content)
    values = {"x": samples, **runtimes.tensors(runtimes.describe(path), {"x": samples})}
    named = dict(values)
    inputs = tflite.input_tensors(tflite.parse(content))
    named.update({tensor: values[name] for tensor, name in inputs.items()})
    return {name: (float(v.min()), float(v.max())) for name, v in named.items()}


def run(content: bytes, samples: np.ndarray, path: Path) -> np.ndarray:
    from edgekit import runtimes

    path.write_bytes(content)
    return runtimes.open_runner(runtimes.describe(path)).run({"x": samples})["y"]


def spread(ranges: dict[str, tuple[float, float]], seed: int) -> dict[str, tuple[float, float]]:
    """Return ranges of which each is another share of what it was, as an estimator's are."""
    rng = np.random.default_rng(seed)
    return {name: tuple(rng.uniform(0.6, 1.0, 2) * ends) for name, ends in ranges.items()}


@pytest.mark.parametrize("build", [branches, chain])
def test_a_draft_is_what_the_quantizer_makes_on_the_same_ranges(build, tmp_path: Path):
    content, samples = float_file(build)
    known = seen(content, samples, tmp_path)
    named = [spread(known, seed) for seed in range(3)]
    tables = effective(content, named)
    drafts = Drafts(tflite.parse(content), quantize(content, named[0], io="int8"), tables)
    real = biases(tflite.parse(content))
    for ranges, table in zip(named, tables, strict=True):
        made = quantize(content, ranges, io="int8")
        draft = drafts.draft(table, real)
        assert len(draft) <= len(made) + 64
        assert tflite.parse(drafts.draft(table, real, shown=True)).subgraphs[0].outputs.size == (
            tflite.parse(with_scores(made)).subgraphs[0].outputs.size
        )
        for one, other in zip(
            tflite.parse(draft).subgraphs[0].tensors,
            tflite.parse(made).subgraphs[0].tensors,
            strict=True,
        ):
            if other.quantization is not None and other.quantization.scale is not None:
                np.testing.assert_allclose(
                    one.quantization.scale, other.quantization.scale, rtol=1e-6
                )
        got, wanted = (run(c, samples, tmp_path / "one.tflite") for c in (draft, made))
        step = np.unique(np.abs(np.diff(np.unique(wanted)))).min()
        assert np.abs(got - wanted).max() <= LSB * step


def test_biases_of_another_file_are_taken(tmp_path: Path):
    content, samples = float_file(branches)
    tables = effective(content, [known := seen(content, samples, tmp_path)])
    drafts = Drafts(tflite.parse(content), quantize(content, known, io="float32"), tables)
    shifted = [None if bias is None else bias + 0.5 for bias in biases(tflite.parse(content))]
    one = run(drafts.draft(tables[0], shifted), samples, tmp_path / "one.tflite")
    other = run(
        drafts.draft(tables[0], biases(tflite.parse(content))), samples, tmp_path / "two.tflite"
    )
    assert np.abs(one - other).max() > 0.01


@pytest.mark.parametrize("build", [exponential, constant_joined])
def test_a_file_that_depends_on_ranges_in_another_way_has_no_drafts(build, tmp_path: Path):
    content, samples = float_file(build)
    ranges = seen(content, samples, tmp_path)
    with pytest.raises(NotPlain):
        Drafts(
            tflite.parse(content),
            quantize(content, ranges, io="int8"),
            effective(content, [ranges, spread(ranges, 1)]),
        )


@pytest.mark.parametrize("whole", [(0.0, 255 / 256), (-1.0, 127 / 128)])
def test_scales_that_never_change_are_left_alone(whole, tmp_path: Path):
    content, samples = float_file(gated)
    known = seen(content, samples, tmp_path)
    (tensor,) = tflite.input_tensors(tflite.parse(content))
    tables = []
    for seed in range(3):  # an input with the very grid of a sigmoid, or of a tanh
        tables.append({**spread(known, seed), tensor: whole if seed == 0 else (-0.3, 0.7)})
    ranges = effective(content, tables)
    drafts = Drafts(tflite.parse(content), quantize(content, tables[0], io="int8"), ranges)
    found = set()
    for table in ranges:
        model = tflite.parse(drafts.draft(table, biases(tflite.parse(content))))
        for operator in model.subgraphs[0].operators:
            made = model.subgraphs[0].tensors[operator.outputs[0]].quantization
            if (kind := tflite_edit.kind(model, operator)) in ("LOGISTIC", "TANH", "SOFTMAX"):
                found.add((kind, float(made.scale[0]), int(made.zeroPoint[0])))
    assert found == {
        ("LOGISTIC", 1 / 256, -128), ("TANH", 1 / 128, 0), ("SOFTMAX", 1 / 256, -128),
    }  # fmt: skip


def test_huge_biases_are_left_to_the_quantizer(tmp_path: Path):
    content, samples = float_file(chain)
    known = seen(content, samples, tmp_path)
    (tables,) = [effective(content, [known, spread(known, 1)])]
    drafts = Drafts(tflite.parse(content), quantize(content, known, io="int8"), tables)
    real = [None if bias is None else bias + 1e9 for bias in biases(tflite.parse(content))]
    with pytest.raises(NotPlain, match="huge"):
        drafts.draft(tables[1], real)


def test_an_empty_range_is_left_to_the_quantizer(tmp_path: Path):
    content, samples = float_file(branches)
    ranges = seen(content, samples, tmp_path)
    tables = effective(content, [ranges, spread(ranges, 1)])
    tables[1] = dict.fromkeys(tables[1], (0.0, 0.0))
    with pytest.raises(NotPlain, match="empty"):
        Drafts(tflite.parse(content), quantize(content, ranges, io="int8"), tables)


def test_the_table_that_tells_most_tensors_apart_is_the_first_to_build():
    alike, telling = {0: (0.0, 1.0), 1: (0.0, 1.0)}, {0: (0.0, 1.0), 1: (0.0, 2.0)}
    assert most_telling([alike, telling]) == 1


def test_the_grid_holds_zero():
    assert grid((0.0, 255.0)) == (1.0, -128)
    assert grid((1.0, 255.0)) == (1.0, -128)
    assert grid((-255.0, -3.0)) == (1.0, 127)
    assert grid((0.0, 0.0)) == (0.0, 0)


def test_what_has_to_share_a_scale_does_on_any_ranges(tmp_path: Path):
    content, samples = float_file(branches)
    known = seen(content, samples, tmp_path)
    tables = effective(content, [known, *(spread(known, seed) for seed in range(4))])
    drafts = Drafts(tflite.parse(content), quantize(content, known, io="int8"), tables)
    pooled = 0
    for table in tables:
        model = tflite.parse(drafts.draft(table, biases(tflite.parse(content))))
        tensors = model.subgraphs[0].tensors
        for operator in model.subgraphs[0].operators:
            if tflite_edit.kind(model, operator) in ("MAX_POOL_2D", "CONCATENATION", "RESHAPE"):
                ends = [tensors[i].quantization for i in (*operator.inputs, *operator.outputs)]
                held = {(one.scale[0], one.zeroPoint[0]) for one in ends if one is not None
                        and one.scale is not None}  # fmt: skip
                assert len(held) == 1
                pooled += 1
    assert pooled


def test_what_is_handed_over_is_what_its_estimator_alone_gives(tmp_path: Path):
    import edgekit
    from edgekit import runtimes

    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3), name="x")
    model = keras.Model(inputs, branches(inputs))
    samples = np.random.default_rng(0).normal(size=(96, 8, 8, 3)).astype(np.float32)

    def converted(estimator: str) -> Any:
        done = edgekit.convert(
            model, "tflite-int8", out=tmp_path / estimator, calibration=samples, cache=False,
            options=edgekit.Options(measure=False, html=False, estimator=estimator),
        )  # fmt: skip
        (artifact,) = done.artifacts
        assert [spec.name for spec in artifact.outputs] == ["y"]
        return runtimes.open_runner(artifact).run({"x": samples})["y"], done.reports[0].candidates

    outputs, candidates = converted("auto")
    (chosen,) = [one for one in candidates if one.chosen]
    assert len(candidates) >= 6
    assert len({one.name for one in candidates}) == len(candidates)
    alone, few = converted(str(chosen.estimator))
    assert np.abs(outputs - alone).max() <= 1 / 256
    assert len(few) < len(candidates)
