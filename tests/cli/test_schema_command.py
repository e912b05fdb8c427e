from __future__ import annotations

import json
import tomllib

import jsonschema
import pytest
from click.testing import CliRunner

from edgekit.cli import main


@pytest.mark.parametrize("name", ["report", "manifest", "audit", "target", "farm-plan"])
def test_a_schema_is_printed_alone(name: str) -> None:
    result = CliRunner().invoke(main, ["schema", name])
    assert (result.exit_code, result.stderr) == (0, "")
    jsonschema.Draft202012Validator.check_schema(json.loads(result.stdout))


PLAN = """
schema = 1
files = ["a.tflite"]
pools = ["arm64+linux"]
attempts = 2
[[models]]
source = "kws.keras"
targets = ["tflite-int8"]
[measure]
min_runs = 100
evaluate = "test.npz"
metric = "top1"
[budget]
latency_ms = 25.0
"""


@pytest.mark.parametrize(
    ("old", "new", "fits"),
    [
        ("", "", True),
        ("min_runs", "min_rns", False),
        ('"test.npz"', "3", False),
        ("attempts", "tries", False),
        ("schema = 1", "", False),
        ("source =", "sauce =", False),
    ],
)
def test_a_plan_of_a_farm_can_be_checked_by_an_editor(old: str, new: str, fits: bool) -> None:
    schema = json.loads(CliRunner().invoke(main, ["schema", "farm-plan"]).stdout)
    plan = tomllib.loads(PLAN.replace(old, new) if old else PLAN)
    assert jsonschema.Draft202012Validator(schema).is_valid(plan) is fits


def test_an_unknown_document_is_one_line() -> None:
    result = CliRunner().invoke(main, ["schema", "reprt"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "did you mean 'report'?" in result.stderr
