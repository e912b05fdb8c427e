"""``edgekit passes`` and ``edgekit recipes``: every pass and recipe is told whole."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from typing import Any

import pytest
from click.testing import CliRunner

from edgekit import catalog
from edgekit.cli import main
from edgekit.passes import PASSES, passes_of
from edgekit.passes.describe import describe, in_words
from edgekit.recipe import Recipe
from edgekit.target import Target

NAMES = PASSES.names()


def edgekit(*words: str) -> Any:
    return CliRunner().invoke(main, words, prog_name="edgekit")


def test_the_list_fits_80_columns_and_names_all() -> None:
    done = edgekit("passes")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines if line[0] != " "] == ["pass", *NAMES]
    assert max(map(len, lines)) <= 80


def test_the_list_as_json() -> None:
    plain = json.loads(edgekit("passes", "--json").stdout)
    assert [each["name"] for each in plain["passes"]] == NAMES
    assert all(each["summary"] for each in plain["passes"])


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_explained(name: str) -> None:
    kind = PASSES.load(name)
    done = edgekit("passes", "show", name)
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    plain = json.loads(edgekit("passes", "show", name, "--json").stdout)["pass"]
    assert [o["name"] for o in plain["options"]] == [f.name for f in dataclasses.fields(kind)]
    for option in plain["options"]:
        assert option["text"], option["name"]
        assert f"\n{option['name']}  ({option['type']}; default: " in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_pass_is_a_frozen_dataclass_of_its_name(name: str) -> None:
    kind = PASSES.load(name)
    made = kind()
    assert made.name == name
    assert hash(repr(made)) == hash(repr(kind()))
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.skip = ()
    assert made.needs <= {"graph", "calibration", "training", "labels"}
    assert isinstance(made.objections(None, (made,)), list)


def test_an_unknown_pass_suggests_the_nearest() -> None:
    done = edgekit("passes", "show", "qta")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: no pass 'qta'; did you mean 'qat'?")


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int | None, "whole number"),
        (float, "number"),
        (tuple[str, ...], "list of text"),
        (dict[str, int], "table of whole number"),
        (bool, "true or false"),
    ],
)
def test_types_in_words(hint: Any, words: str) -> None:
    assert in_words(hint) == words


RECIPES = catalog.names("recipes")
WANTED = {"ptq", "qat", "prune-50-qat", "channel-prune-50-qat", "cluster-16-qat", "distill-qat",
          "qat-int4", "prune-50", "ptq-int4"}  # fmt: skip


def test_the_recipes_that_were_promised_are_there() -> None:
    assert set(RECIPES) >= WANTED
    lines = edgekit("recipes").stdout.splitlines()
    assert [line.split()[0] for line in lines if line[0] != " "] == ["recipe", *RECIPES]
    assert max(map(len, lines)) <= 80
    plain = json.loads(edgekit("recipes", "--json").stdout)
    assert [each["name"] for each in plain["recipes"]] == RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_builds_and_its_passes_agree(name: str) -> None:
    recipe = Recipe.load(name)
    assert recipe.name == name
    made = passes_of(recipe.passes, where=name)
    assert [each.name for each in made] == [step["name"] for step in recipe.passes]
    target = Target.load("tflite-int4-weights" if "int4" in name else "tflite-int8")
    for each in made:
        assert each.objections(None, made) == []
        assert name == "prune-50" or each.objections(target, made) == []


@pytest.mark.parametrize("name", RECIPES)
def test_every_step_says_why_it_stands_there(name: str) -> None:
    lines = catalog.locate("recipes", name).read_text().splitlines()
    assert lines[0].startswith("# ")
    steps = [at for at, line in enumerate(lines) if line == "[[passes]]"]
    assert steps
    assert all(lines[at - 1].startswith("# ") for at in steps)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_printed_to_be_copied(name: str) -> None:
    done = edgekit("recipes", "show", name)
    assert done.exit_code == 0
    assert tomllib.loads(done.stdout)["name"] == name
    plain = json.loads(edgekit("recipes", "show", name, "--json").stdout)
    assert plain["recipe"]["description"] == Recipe.load(name).description


def test_descriptions_are_one_line() -> None:
    assert all(len(describe(name).summary) < 200 for name in NAMES)
    assert all("\n" not in Recipe.load(name).description for name in RECIPES)
