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
from edgekit.pipeline.command import FLAGS, spell
from edgekit.pipeline.options import Options
from edgekit.target import Target

INT8 = Target.load("tflite-int8")
# What no shell word can hold: the end of a string. A word that opens with a dash is a flag.
WORDS = some.text(some.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
    lambda word: not word.startswith("-")
)
NUMBERS = some.floats(-1e6, 1e6)
SIZES = some.lists(some.integers(1, 9), min_size=1, max_size=4).map(tuple)
OPTIONS = some.builds(
    Options,
    calibration=some.none() | WORDS,
    evaluation=some.none() | WORDS,
    metric=some.none() | WORDS,
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
    assert set(FLAGS) == fields - {"pictures"} | {"scale", "offset"}


@pytest.mark.parametrize("data", [np.zeros((2, 3)), (np.zeros(3), np.zeros(3)), {"x": [1]}])
def test_objects_in_python_have_no_name(data) -> None:
    said = spell(object(), INT8, Options(calibration=data))
    assert said == "edgekit convert MODEL --target tflite-int8 --calibration DATA"


def test_a_target_of_the_users_is_a_file() -> None:
    for name in ("mine", "tflite-int8"):
        mine = dataclasses.replace(INT8, name=name, summary="another")
        assert f"--target {name}.toml" in spell("m.keras", mine, Options())
