"""What every pass keeps on every kind of model: ends, function, files, and a word on each layer."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.artifact import TensorSpec
from edgekit.calibrate.sources import open_samples
from edgekit.passes import PASSES, Context, Outcome, Pass
from edgekit.passes.adaround import Adaround
from edgekit.passes.channel_prune import ChannelPrune
from edgekit.passes.cluster import Cluster
from edgekit.passes.correct_bias import CorrectBias
from edgekit.passes.distill import Distill
from edgekit.passes.equalize import Equalize
from edgekit.passes.fold import FoldBatchnorm
from edgekit.passes.graph import flat
from edgekit.passes.magnitude_prune import MagnitudePrune
from edgekit.passes.qat import Qat
from edgekit.pipeline.ends import Ends
from edgekit.progress import Silent
from edgekit.training import Trainer, TrainingOptions

keras = pytest.importorskip("keras")
L = keras.layers
COUNT = 32


def sequential() -> Any:
    return keras.Sequential(
        [
            keras.Input((6, 6, 3), name="x"),
            L.Conv2D(8, 3, name="conv"),
            L.BatchNormalization(name="norm"),
            L.ReLU(name="relu"),
            L.Flatten(name="flat"),
            L.Dense(8, activation="relu", name="mixed"),
            L.Dense(4, activation="softmax", name="y"),
        ]
    )


def functional() -> Any:
    x = inputs = keras.Input((6, 6, 3), name="x")
    x = L.SeparableConv2D(8, 3, activation="relu", name="apart")(x)
    x = L.BatchNormalization(name="norm")(L.Conv2DTranspose(8, 2, strides=2, name="up")(x))
    x = L.GlobalAveragePooling2D(name="pool")(L.Activation("swish", name="swish")(x))
    return keras.Model(inputs, L.Dense(4, name="y")(x))


def residual() -> Any:
    inputs = keras.Input((6, 6, 3), name="x")
    x = before = L.Conv2D(8, 3, padding="same", activation="relu", name="stem")(inputs)
    x = L.Conv2D(8, 3, padding="same", use_bias=False, name="inner")(x)
    x = L.ReLU(name="relu")(L.BatchNormalization(name="norm")(x))
    x = L.Conv2D(8, 1, name="outer")(x)
    x = L.ReLU(name="end")(L.Add(name="sum")([x, before]))
    gate = L.Dense(8, activation="sigmoid", name="gate")(
        L.GlobalAveragePooling2D(name="squeeze")(x)
    )
    x = L.Multiply(name="excite")([x, L.Reshape((1, 1, 8), name="wide")(gate)])
    return keras.Model(inputs, L.Dense(4, name="y")(L.GlobalMaxPooling2D(name="pool")(x)))


def depthwise() -> Any:
    x = inputs = keras.Input((6, 6, 3), name="x")
    for block in "ab":
        x = L.Conv2D(8, 1, use_bias=False, name=f"expand_{block}")(x)
        x = L.ReLU(6.0, name=f"relu_{block}")(L.BatchNormalization(name=f"norm_{block}")(x))
        x = L.DepthwiseConv2D(3, padding="same", name=f"deep_{block}")(x)
        x = L.ReLU(6.0, name=f"thin_{block}")(x)
        x = L.Conv2D(8, 1, name=f"project_{block}")(x)
    return keras.Model(inputs, L.Dense(4, name="y")(L.Flatten(name="flat")(x)))


def concat() -> Any:
    inputs = keras.Input((6, 6, 3), name="x")
    one = L.Conv2D(8, 1, activation="relu", name="one")(inputs)
    other = L.Conv2D(8, 3, padding="same", name="other")(inputs)
    pooled = L.MaxPooling2D(3, strides=1, padding="same", name="most")(one)
    x = L.Concatenate(name="both")([pooled, other])
    x = L.BatchNormalization(name="norm")(x)
    x = L.Conv2D(8, 1, activation="relu", name="joined")(x)
    return keras.Model(inputs, L.Dense(4, name="y")(L.Flatten(name="flat")(x)))


def multi_input() -> Any:
    picture, facts = keras.Input((6, 6, 3), name="picture"), keras.Input((5,), name="facts")
    x = L.Conv2D(8, 3, activation="relu", name="conv")(picture)
    x = L.GlobalAveragePooling2D(name="pool")(x)
    x = L.Concatenate(name="both")([x, L.Dense(8, activation="relu", name="side")(facts)])
    return keras.Model({"picture": picture, "facts": facts}, L.Dense(4, name="y")(x))


def multi_output() -> Any:
    inputs = keras.Input((6, 6, 3), name="x")
    x = L.Conv2D(8, 3, activation="relu", name="conv")(inputs)
    x = L.GlobalAveragePooling2D(name="pool")(x)
    kind = L.Dense(4, activation="softmax", name="kind")(x)
    size = L.Dense(1, name="size")(L.Dense(8, activation="relu", name="mixed")(x))
    return keras.Model(inputs, [kind, size])


def shared_layer() -> Any:
    inputs = keras.Input((6, 6, 3), name="x")
    same = L.Conv2D(8, 3, padding="same", activation="relu", name="same")
    x = L.Conv2D(8, 1, name="stem")(inputs)
    x = L.Subtract(name="less")([same(same(x)), x])
    head = L.Dense(4, name="y")
    return keras.Model(inputs, head(L.GlobalAveragePooling2D(name="pool")(x)))


def recurrent() -> Any:
    x = inputs = keras.Input((6, 5), name="x")
    x = L.Conv1D(8, 3, padding="same", activation="relu", name="conv")(x)
    x = L.LSTM(8, return_sequences=True, name="memory")(x)
    x = L.Bidirectional(L.GRU(8, name="cell"), name="ways")(x)
    return keras.Model(inputs, L.Dense(4, name="y")(x))


KINDS: dict[str, Callable[[], Any]] = {
    make.__name__: make
    for make in (
        sequential, functional, residual, depthwise, concat, multi_input, multi_output,
        shared_layer, recurrent,
    )
}  # fmt: skip
ON_EVERY_BACKEND = {"sequential", "residual", "depthwise", "multi_input"}
"""Kinds that the passes are also run on with JAX and torch, by ``make backends``."""

STEPS: dict[str, Pass] = {
    "fold-batchnorm": FoldBatchnorm(),
    "equalize": Equalize(),
    "correct-bias": CorrectBias(),
    "adaround": Adaround(steps=20),
    "magnitude-prune": MagnitudePrune(epochs=1, sparsity=0.3),
    "channel-prune": ChannelPrune(macs=0.8, multiple_of=1, importance="taylor"),
    "cluster": Cluster(epochs=1),
    "distill": Distill(epochs=1),
    "qat": Qat(epochs=1),
}
LEAST_DB: dict[str, float] = {
    "fold-batchnorm": 100,
    "equalize": 100,
    "correct-bias": 20,
    "adaround": 20,
    "magnitude-prune": 3,
    "channel-prune": 0,
    "cluster": 10,
    "distill": 20,
    "qat": 20,
}
"""How near outputs have to stay to the source's, as SQNR; weights here are random."""

NOTHING: dict[str, Pass] = {
    "magnitude-prune": MagnitudePrune(epochs=0, sparsity=0),
    "channel-prune": ChannelPrune(macs=1.0),
    "cluster": Cluster(epochs=0, clusters=65536),
}
"""Options with which a pass has nothing to do."""


def cases(steps: dict[str, Pass]) -> list[Any]:
    return [
        pytest.param(
            name, kind, marks=[pytest.mark.backend] if kind in ON_EVERY_BACKEND else []
        )
        for name in steps
        for kind in KINDS
    ]  # fmt: skip


@cache
def source(kind: str) -> Any:
    """Make the model of a kind, with weights of a usual size, batch norms that have seen data."""
    rng = np.random.default_rng(4)
    model = flat(KINDS[kind]())
    for variable in model.variables:
        if "seed" in variable.path:
            continue
        fan = max(1, int(np.prod(variable.shape[:-1])))
        value = rng.normal(0, 1.5 / np.sqrt(fan), variable.shape)
        if len(variable.shape) == 1:
            value = rng.normal(0, 0.1, variable.shape)
        if variable.path.endswith(("gamma", "moving_variance")):
            value = rng.uniform(0.7, 1.4, variable.shape)
        variable.assign(value)
    return model


def inputs_of(model: Any, count: int = COUNT) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(9)
    return {
        str(t.name): rng.normal(size=(count, *t.shape[1:])).astype("float32") for t in model.inputs
    }


def answers(model: Any, given: dict[str, np.ndarray]) -> list[np.ndarray]:
    packed = keras.tree.map_structure(lambda t: given[str(t.name)], model._inputs_struct)
    flattened = keras.tree.flatten(model(packed, training=False))
    return [np.asarray(keras.ops.convert_to_numpy(one)) for one in flattened]


def labels_of(model: Any) -> Any:
    rng = np.random.default_rng(2)
    made = {
        name: rng.integers(0, 4, COUNT) if t.shape[-1] == 4 else rng.normal(size=(COUNT, 1))
        for name, t in zip(model.output_names, keras.tree.flatten(model.outputs), strict=True)
    }
    return made if len(made) > 1 else next(iter(made.values()))


def run(step: Pass, model: Any, folder: Path) -> Outcome:
    given = inputs_of(model)
    specs = [
        TensorSpec(name=str(t.name), shape=tuple(t.shape), dtype=str(t.dtype)) for t in model.inputs
    ]
    trainer = None
    if "training" in step.needs:
        options = TrainingOptions(epochs=1, batch_size=16, learning_rate=1e-4, validation=0)
        data = given if len(given) > 1 else next(iter(given.values()))
        trainer = Trainer(
            model, (data, labels_of(model)), options, folder=folder, progress=Silent()
        )
    context = Context(teacher=flat(model), samples=open_samples(given, specs), trainer=trainer)
    return step.run(flat(model), context)


def sqnr_db(wanted: np.ndarray, got: np.ndarray) -> float:
    noise = float(np.mean((wanted - got) ** 2))
    return float("inf") if noise == 0 else 10 * np.log10(float(np.mean(wanted**2)) / noise)


@pytest.mark.parametrize(("name", "kind"), cases(STEPS))
def test_a_pass_keeps_its_contract(name: str, kind: str, tmp_path: Path) -> None:
    model = source(kind)
    given, before = inputs_of(model), arrays_of(model)
    wanted = answers(model, given)
    outcome = run(STEPS[name], model, tmp_path / "kept")

    Ends.of(model).check(outcome.model)
    assert all(map(np.array_equal, before, arrays_of(model))), "the source was changed"
    got = answers(outcome.model, given)
    assert [g.shape for g in got] == [w.shape for w in wanted]
    worst = min(sqnr_db(w, g) for w, g in zip(wanted, got, strict=True))
    assert worst >= LEAST_DB[name]

    said: dict[str, list[Any]] = {}
    for treatment in outcome.treatments:
        assert bool(treatment.done) != bool(treatment.skipped), treatment
        said.setdefault(treatment.layer, []).append(treatment)
    listed = {layer.name for layer in model.layers if not isinstance(layer, L.InputLayer)}
    assert listed <= set(said), listed - set(said)
    reload(outcome.model, given, got, tmp_path)


@pytest.mark.parametrize(("name", "kind"), cases(NOTHING))
def test_with_nothing_to_do_no_bit_changes(name: str, kind: str, tmp_path: Path) -> None:
    model = source(kind)
    outcome = run(NOTHING[name], model, tmp_path)
    given = inputs_of(model)
    assert all(map(np.array_equal, answers(model, given), answers(outcome.model, given)))


def test_every_shipped_pass_is_here() -> None:
    shipped = {name for name in PASSES.names() if PASSES.load(name).__module__[:7] == "edgekit"}
    assert shipped == set(STEPS)


def arrays_of(model: Any) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(v.value)) for v in model.variables]


def reload(model: Any, given: Any, wanted: list[np.ndarray], folder: Path) -> None:
    """Save a model, and load it as a process without edgekit would: by classes of Keras alone."""
    model.save(folder / "made.keras")
    with zipfile.ZipFile(folder / "made.keras") as parts:
        config = json.loads(parts.read("config.json"))
    for part in parts_of(config):
        assert str(part.get("module") or "keras").partition(".")[0] in ("keras", "builtins"), part
        assert "edgekit" not in str(part.get("registered_name")), part
    again = keras.saving.load_model(folder / "made.keras", safe_mode=True)
    for one, other in zip(wanted, answers(again, given), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-6)


def parts_of(config: Any) -> Any:
    """Yield every table in a config, however deep."""
    values = config.values() if isinstance(config, dict) else config
    if isinstance(config, dict):
        yield config
    for value in values:
        if isinstance(value, (dict, list)):
            yield from parts_of(value)
