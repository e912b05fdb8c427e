from __future__ import annotations

import json

import jsonschema
import pytest
from click.testing import CliRunner

from edgekit.cli import main


@pytest.mark.parametrize("name", ["report", "manifest", "audit", "target"])
def test_a_schema_is_printed_alone(name: str) -> None:
    result = CliRunner().invoke(main, ["schema", name])
    assert (result.exit_code, result.stderr) == (0, "")
    jsonschema.Draft202012Validator.check_schema(json.loads(result.stdout))


def test_an_unknown_document_is_one_line() -> None:
    result = CliRunner().invoke(main, ["schema", "reprt"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "did you mean 'report'?" in result.stderr
