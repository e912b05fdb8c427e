"""The command line that a report gives says what was asked for."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from edgekit.calibrate.preprocessing import PictureOptions
from edgekit.cli.convert import command, options_of
from edgekit.passes.qat import Qat
from edgekit.pipeline.command import FLAGS, spell
from edgekit.pipeline.options import Options
from edgekit.recipe import Recipe
from edgekit.target import Target
from edgekit.training import TrainingOptions

INT8 = Target.load("tflite-int8")
# What no shell word can hold: the end of a string. A word that opens with a dash is a flag.
WORDS = some.text(some.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
    lambda word: not word.startswith("-")
)
NUMBERS = some.floats(-1e6, 1e6)
SIZES = some.lists(some.integers(1, 9), min_size=1, max_size=4).map(tuple)
TRAINING = some.builds(
    TrainingOptions,
    epochs=some.integers(1, 9),
    batch_size=some.integers(1, 9),
    learning_rate=some.floats(1e-9, 1),
    schedule=some.sampled_from(["constant", "cosine"]),
    optimizer=some.sampled_from(["adam", "sgd"]),
    loss=some.none() | WORDS,
    metrics=some.lists(WORDS, max_size=2).map(tuple),
    validation=some.floats(0, 0.9),
    patience=some.none() | some.integers(1, 9),
)
VALUES = some.recursive(
    some.booleans() | some.integers(-9, 9) | NUMBERS | WORDS,
    lambda inner: some.lists(inner, max_size=2) | some.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
OPTIONS = some.builds(
    Options,
    calibration=some.none() | WORDS,
    evaluation=some.none() | WORDS,
    metric=some.none() | WORDS,
    recipe=some.none() | WORDS,
    settings=some.dictionaries(some.sampled_from(["qat.bits", "my-pass.x"]), VALUES, max_size=2),
    train=some.none() | WORDS,
    training=TRAINING,
    output=some.none() | WORDS,
    samples=some.none() | some.integers(1, 999),
    estimator=some.sampled_from(["auto", "mse", "min-max"]),
    input_shapes=some.dictionaries(WORDS, SIZES, max_size=2),
    dynamic_batch=some.booleans(),
    custom_objects=some.lists(WORDS, max_size=2).map(tuple),
    allow_code=some.booleans(),
    pictures=some.none() | some.builds(PictureOptions, scale=NUMBERS, offset=some.none() | NUMBERS),
    layers=some.booleans(),
    measure=some.booleans(),
    threads=some.integers(1, 9),
    seed=some.none() | some.integers(0, 9),
)


@given(OPTIONS)
def test_the_command_is_read_as_the_options_that_it_spells(options: Options) -> None:
    words = shlex.split(spell(Path("a model.keras"), INT8, options))
    assert words[:2] == ["edgekit", "convert"]
    context = command.make_context("convert", words[2:])
    assert context.params["model"] == Path("a model.keras")
    assert context.params["targets"] == ("tflite-int8",)
    assert options_of(context.params) == options


def test_every_option_has_a_flag() -> None:
    fields = {field.name for field in dataclasses.fields(Options)}
    how = {field.name for field in dataclasses.fields(TrainingOptions)} - {"seed"}
    assert set(FLAGS) == fields - {"pictures", "training"} | {"scale", "offset"} | how


def test_help_states_the_defaults_of_training() -> None:
    said = {param.name: getattr(param, "help", "") or "" for param in command.params}
    for field in dataclasses.fields(TrainingOptions):
        stated = field.name != "seed" and isinstance(field.default, (int, float, str))
        assert not stated or f"[default: {field.default}]" in said[field.name]


def test_recipes_are_said_by_name_or_as_files() -> None:
    shipped = Recipe.load("qat")
    assert "--recipe qat " in spell("m.keras", INT8, Options(recipe=shipped)) + " "
    mine = dataclasses.replace(shipped, description="another")
    assert "--recipe qat.toml" in spell("m.keras", INT8, Options(recipe=mine))
    assert "--recipe RECIPE.toml" in spell("m.keras", INT8, Options(recipe=Qat()))


def test_compress_is_spelled_too() -> None:
    said = spell("m.keras", None, Options(recipe="qat", train="t.npz"))
    assert said == "edgekit compress m.keras --recipe qat --train t.npz"


@pytest.mark.parametrize("data", [np.zeros((2, 3)), (np.zeros(3), np.zeros(3)), {"x": [1]}])
def test_objects_in_python_have_no_name(data) -> None:
    said = spell(object(), INT8, Options(calibration=data))
    assert said == "edgekit convert MODEL --target tflite-int8 --calibration DATA"


def test_a_target_of_the_users_is_a_file() -> None:
    for name in ("mine", "tflite-int8"):
        mine = dataclasses.replace(INT8, name=name, summary="another")
        assert f"--target {name}.toml" in spell("m.keras", mine, Options())
