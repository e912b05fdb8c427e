"""What happens around passes: asking, running in order, keeping, and telling."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import edgekit
from edgekit.errors import (
    DataError,
    DestinationError,
    OptionError,
    PassError,
    TrainingError,
    UnknownName,
)
from edgekit.passes import PASSES, Context, Outcome, Pass, Simulation, Treatment
from edgekit.passes.magnitude_prune import MagnitudePrune
from edgekit.recipe import Recipe

SEEN: list[Context] = []


@dataclass(frozen=True, kw_only=True)
class Shrink(Pass):
    """Multiplies every kernel by a factor.

    Args:
        factor: By which.
        fail: Whether it fails.
        mode: What it does wrong.
    """

    name: ClassVar[str] = "shrink"
    needs: ClassVar[frozenset[Any]] = frozenset({"graph"})

    factor: float = 0.5
    fail: bool = False
    mode: str = ""

    def objections(self, target: Any, others: Any) -> list[str]:
        return ["shrink: no factor of 0"] if self.factor == 0 else []

    def run(self, model: Any, context: Context) -> Outcome:
        import keras

        SEEN.append(context)
        if self.fail:
            raise PassError("expected better weather, got rain")
        for layer in model.layers:
            if hasattr(layer, "kernel"):
                layer.kernel.assign(layer.kernel * self.factor)
        if self.mode == "rename":
            model = keras.Model(model.input, keras.layers.ReLU(name="other")(model.outputs[0]))
        if self.mode == "bug":
            raise ZeroDivisionError("bug")
        simulation = Simulation(ranges={"image": (-1.0, 1.0)})
        return Outcome(
            model=model,
            treatments=(Treatment(layer="conv", done="shrunk"),
                        Treatment(layer="pool", skipped="it has no kernel")),
            figures={"factor": self.factor},
            simulation=simulation if self.mode == "simulate" else None,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Learn(Pass):
    """Trains."""

    name: ClassVar[str] = "learn"
    needs: ClassVar[frozenset[Any]] = frozenset({"graph", "training", "labels", "calibration"})

    def run(self, model: Any, context: Context) -> Outcome:
        SEEN.append(context)
        assert context.trainer is not None
        context.trainer.fit(model, label="learn", epochs=1)
        return Outcome(model=model)


@pytest.fixture(autouse=True)
def passes(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    """Let ``shrink`` and ``learn`` be passes, and work in a folder of the test's own."""
    SEEN.clear()
    monkeypatch.setitem(PASSES.shipped, "shrink", f"{__name__}:Shrink")  # type: ignore[arg-type]
    monkeypatch.setitem(PASSES.shipped, "learn", f"{__name__}:Learn")  # type: ignore[arg-type]


def recipe(*steps: dict[str, Any]) -> Recipe:
    return Recipe(name="mine", description="a test", passes=steps)


TWO = recipe({"name": "shrink", "factor": 0.5}, {"name": "shrink", "factor": 0.25})


def test_passes_run_in_order_on_a_copy(bench, tiny_model) -> None:
    before = bench.contents()
    found = edgekit.compress(bench.model, TWO)
    source = tiny_model()
    for layer in source.layers:
        if hasattr(layer, "kernel"):
            layer.kernel.assign(layer.kernel * 0.125)
    for wanted, got in zip(source.get_weights(), found.model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert bench.contents() == before
    report = found.report
    assert [each.options["factor"] for each in report.passes] == [0.5, 0.25]
    assert report.passes[0].figures == {"factor": 0.5}
    assert {t.by for each in report.passes for t in each.treatments} == {"shrink"}
    assert report.compression.recipe == "mine"
    assert report.compression.before.parameters == source.count_params()
    assert report.compression.before.macs == 6 * 6 * 9 * 4 + 4 * 3
    names = [stage.name for stage in report.stages]
    assert names.count("pass shrink") == 2
    assert "recipe mine" in names


def test_the_teacher_is_the_source_untouched(tiny_model) -> None:
    model, before = tiny_model(), tiny_model().get_weights()
    edgekit.compress(model, TWO)
    assert len(SEEN) == 2
    for context in SEEN:
        for each in (model, context.teacher):
            for wanted, got in zip(before, each.get_weights(), strict=True):
                np.testing.assert_array_equal(got, wanted)
        assert context.teacher is not model


def test_single_passes_in_a_notebook(tiny_model) -> None:
    model = tiny_model()
    found = edgekit.compress(model, Shrink(factor=2.0))
    np.testing.assert_allclose(found.model.get_weights()[0], 2 * model.get_weights()[0])
    several = edgekit.compress(model, [Shrink(factor=2.0), Shrink(factor=0.5)])
    np.testing.assert_allclose(several.model.get_weights()[0], model.get_weights()[0])
    assert several.report.compression.recipe == "shrink+shrink"
    assert several.report.options["recipe"]["passes"] == [
        {"name": "shrink", "factor": 2.0},
        {"name": "shrink"},
    ]


def test_a_simulation_is_carried_on_and_handed_over(tiny_model) -> None:
    found = edgekit.compress(tiny_model(), [Shrink(mode="simulate"), Shrink()])
    assert found.simulation == Simulation(ranges={"image": (-1.0, 1.0)})
    assert SEEN[1].simulation == found.simulation
    assert "edgekit convert" in found.report.warnings[0]


def test_training_and_calibration_samples_come_from_train(tiny_model, tiny_data) -> None:
    x, y = tiny_data()
    found = edgekit.compress(
        tiny_model(), Learn(), train=(x, y),
        options=edgekit.Options(seed=5, samples=10,
                                training=edgekit.TrainingOptions(learning_rate=0.01)),
    )  # fmt: skip
    [context] = SEEN
    assert context.samples is not None
    assert (len(context.samples), context.seed) == (10, 5)
    [trained] = found.report.passes[0].trainings
    assert trained.label == "learn"
    assert len(trained.history["loss"]) == trained.epochs == 1
    assert found.report.options["training"]["seed"] == 5
    assert found.report.compression.task is not None


def test_one_reading_of_data_that_never_repeat_serves_calibration(tiny_model, tiny_data) -> None:
    import keras

    x, y = tiny_data()
    rng = np.random.default_rng()

    class Augmented(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 6

        def __getitem__(self, place: int) -> tuple[Any, Any]:
            part = slice(8 * place, 8 * place + 8)
            return x[part] + rng.normal(0, 0.1, (8, 8, 8, 1)).astype(np.float32), y[part]

    edgekit.compress(
        tiny_model(), Learn(), train=Augmented(workers=1),
        options=edgekit.Options(samples=7),
    )  # fmt: skip
    samples = SEEN[0].samples
    assert samples is not None
    once = [batch.inputs["image"] for batch in samples.batches(4)]
    again = [batch.inputs["image"] for batch in samples.batches(4)]
    assert sum(map(len, once)) == 7
    np.testing.assert_array_equal(np.concatenate(once), np.concatenate(again))


def test_results_of_known_passes_are_kept(bench) -> None:
    prune = MagnitudePrune(epochs=0)
    first = edgekit.compress(bench.model, prune)
    again = edgekit.compress(bench.model, prune)
    cached = {stage.name: stage.cached for stage in again.report.stages}
    assert cached["recipe magnitude-prune"]
    assert again.report.passes == first.report.passes
    for one, other in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    other = edgekit.compress(bench.model, dataclasses.replace(prune, sparsity=0.75))
    assert not {s.name: s.cached for s in other.report.stages}["recipe magnitude-prune"]
    bare = edgekit.compress(bench.model, prune, cache=False)
    assert not {s.name: s.cached for s in bare.report.stages}["recipe magnitude-prune"]


def test_results_of_passes_of_others_are_not_kept(bench) -> None:
    for _ in range(2):
        edgekit.compress(bench.model, Shrink())
    assert len(SEEN) == 2


def test_scores_are_paired_with_the_source(bench) -> None:
    found = edgekit.compress(bench.model, Shrink(factor=1.0), evaluate=bench.data, metric="top1")
    assert found.report.evaluation is not None
    assert found.report.evaluation.drop_pp == 0.0
    assert found.report.evaluation.agreement == 1.0


def test_the_file_loads_without_edgekit(bench, process, here: Path) -> None:
    edgekit.compress(bench.model, TWO, out=here / "sub" / "small.keras")
    code = (
        "import sys, keras\n"
        f"m = keras.saving.load_model({str(here / 'sub' / 'small.keras')!r})\n"
        "assert 'edgekit' not in sys.modules\n"
        "print(m.count_params())\n"
    )
    done = process(code=code)
    assert done.returncode == 0, done.stderr
    assert (here / "sub").is_dir()
    assert [p.name for p in (here / "sub").iterdir()] == ["small.keras"]


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("small.h5", "ends in .keras"),
        ("tiny.keras", "is the source model"),
        (".", "ends in .keras"),
    ],
)
def test_places_that_cannot_be_written_are_refused_first(bench, here: Path, out, said) -> None:
    model = here / "tiny.keras"
    model.write_bytes(bench.model.read_bytes())
    with pytest.raises(DestinationError, match=said):
        edgekit.compress(model, TWO, out=out)
    assert SEEN == []
    assert model.read_bytes() == bench.model.read_bytes()


def test_a_failure_names_the_pass_and_those_before(tiny_model) -> None:
    with pytest.raises(PassError) as caught:
        edgekit.compress(tiny_model(), [Shrink(), Shrink(), Shrink(fail=True)])
    assert str(caught.value) == (
        "pass 'shrink' (step 3 of 3, after shrink, shrink): expected better weather, got rain"
    )


def test_a_bug_keeps_its_traceback_and_is_told_apart(tiny_model) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        edgekit.compress(tiny_model(), Shrink(mode="bug"))
    assert any("pass 'shrink'" in note for note in caught.value.__notes__)


def test_a_pass_that_changes_the_ends_is_refused(tiny_model) -> None:
    with pytest.raises(PassError, match=r"names of the outputs as they were.*bug of the pass"):
        edgekit.compress(tiny_model(), Shrink(mode="rename"))


def test_objections_come_before_anything_runs(bench) -> None:
    with pytest.raises(OptionError, match=r"recipe 'shrink.shrink': shrink: no factor of 0"):
        edgekit.compress(bench.model, [Shrink(), Shrink(factor=0.0)])
    assert SEEN == []


def test_a_model_without_a_graph(tiny_data) -> None:
    import keras

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="own")
            self.dense = keras.layers.Dense(3)

        def call(self, x: Any) -> Any:
            return self.dense(keras.ops.reshape(x, (-1, 64)))

    model = Own()
    model(tiny_data(2)[0])
    with pytest.raises(PassError, match="shrink works on the graph of a model: 'own' is a sub"):
        edgekit.compress(model, Shrink())
    assert SEEN == []


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"recipe": "qta"}, UnknownName, "no recipe 'qta'; did you mean 'qat'"),
        ({"recipe": "none.toml"}, OptionError, "none.toml: no such file"),
        ({"recipe": 7}, OptionError, "expected a name, a TOML file, a Recipe, or passes, got 7"),
        ({"recipe": None}, OptionError, "no recipe"),
        ({"recipe": []}, OptionError, "expected at least one pass"),
        ({"recipe": Learn()}, OptionError, "learn trains: give --train DATA"),
        ({"recipe": "ptq"}, OptionError, "needs samples: give --calibration DATA"),
        ({"recipe": "prune-50", "train": "nowhere.npz"}, DataError, "nowhere.npz: no such file"),
        ({"recipe": Shrink(), "metric": "top1"}, OptionError, "needs labelled data"),
        (
            {"recipe": Shrink(), "options": edgekit.Options(settings={"shrink.factor": 1})},
            OptionError,
            "passes from Python hold their own options",
        ),
        (
            {"recipe": TWO, "options": edgekit.Options(settings={"shrnk.factor": 1})},
            UnknownName,
            "no pass of this recipe 'shrnk'; did you mean 'shrink'",
        ),
        (
            {"recipe": TWO, "options": edgekit.Options(settings={"shrink.fcator": 1})},
            UnknownName,
            "no option of shrink 'fcator'; did you mean 'factor'",
        ),
        (
            {"recipe": TWO, "options": edgekit.Options(settings={"shrink.factor": "big"})},
            OptionError,
            r"recipe 'mine': step 1 \(shrink\)",
        ),
        (
            {"recipe": TWO, "options": edgekit.Options(
                training=edgekit.TrainingOptions(epochs=9))},
            OptionError,
            "trains nothing: leave --epochs out",
        ),
        (
            {"recipe": recipe({"name": "shrnk"})},
            UnknownName,
            "no pass 'shrnk'; did you mean 'shrink'",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_before_anything_runs(bench, given, kind, said) -> None:
    with pytest.raises(kind, match=said):
        edgekit.compress(bench.model, **given)
    assert SEEN == []


def test_training_and_calibration_that_nothing_takes(bench) -> None:
    with pytest.raises(OptionError, match="trains nothing: leave --train out"):
        edgekit.compress(bench.model, TWO, train=bench.data, calibration=bench.data)


def test_training_data_without_labels(bench, tiny_data) -> None:
    with pytest.raises(TrainingError, match="learn of recipe 'mine' learns from labels"):
        edgekit.compress(
            bench.model, recipe({"name": "shrink"}, {"name": "learn"}), train=tiny_data()[0]
        )
    assert SEEN == []
