from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edgekit import catalog, manifest, table
from edgekit.errors import ArtifactError, UnknownName
from edgekit.manifest import Manifest, Source
from edgekit.report.documents import REPORT, read_as, written, written_together
from edgekit.report.figures import FIGURES
from edgekit.report.model import Report
from edgekit.report.schema import DOCUMENTS
from edgekit.report.schema import json_schema as schema_of
from edgekit.target import Target

GOLDEN = Path(__file__).parent / "golden" / "report-1.json"
Change = Callable[[dict[str, Any]], None]


def back(document: bytes, where: str = "report") -> Report:
    return read_as(REPORT, document, where=where)


@pytest.mark.parametrize("name", ["full_report", "bare_report", "hostile_report"])
def test_a_report_survives_the_way_there_and_back(
    name: str, request: pytest.FixtureRequest
) -> None:
    report = request.getfixturevalue(name)
    document = written(report)
    assert back(document) == report
    assert written(back(document)) == document
    jsonschema.Draft202012Validator(schema_of("report")).validate(json.loads(document))


def test_the_golden_file_of_schema_1_is_read_and_written_alike(full_report: Report) -> None:
    assert back(GOLDEN.read_bytes()) == full_report
    assert written(full_report) == GOLDEN.read_bytes()


def test_a_report_from_before_operators_of_islands_were_kept_is_read(full_report: Report) -> None:
    old = json.loads(GOLDEN.read_bytes())
    for island in old["audit"]["float_islands"]:
        del island["indices"]
    (island,) = back(json.dumps(old).encode()).audit.float_islands
    assert (island.layers, island.indices) == (full_report.audit.float_islands[0].layers, ())


def test_a_report_from_before_scores_were_kept_is_read(full_report: Report) -> None:
    old = json.loads(GOLDEN.read_bytes())
    for candidate in old["candidates"]:
        del candidate["scores_db"]
    found = back(json.dumps(old).encode()).candidates
    assert [one.scores_db for one in found] == [None, None]
    assert [one.name for one in found] == [one.name for one in full_report.candidates]


def test_figures_that_gates_want_are_stated(full_report: Report) -> None:
    said = json.loads(written(full_report))
    assert said["verdict"] == "fail"
    assert said["artifact"]["size_kib"] == pytest.approx(97.59375)
    assert said["artifact"]["compression_ratio"] == pytest.approx(320512 / 99936)
    assert said["latency"]["artifact"]["median_ms"] == pytest.approx(0.46)
    assert said["latency"]["artifact"]["p90_ms"] == pytest.approx(0.771)
    assert said["latency"]["artifact"]["p99_ms"] == pytest.approx(0.8871)
    assert said["latency"]["artifact"]["model_memory_mib"] == 10
    assert said["latency"]["speedup_over_float"] == pytest.approx(0.325 / 0.46)
    assert said["layers"]["worst_layer"] == "dense"
    assert said["layers"]["worst_drop_layer"] == "dense"


def test_what_is_not_finite_is_a_word(full_report: Report) -> None:
    said = json.loads(written(full_report), parse_constant=pytest.fail)
    assert said["candidates"][1]["sqnr_db"] == "-Infinity"
    assert said["evaluation"]["sqnr_db"]["conv2d/1"] == "Infinity"
    lost = dataclasses.replace(full_report, parity_sqnr_db=math.nan)
    assert math.isnan(back(written(lost)).parity_sqnr_db)


def test_a_word_for_a_number_stays_a_word_elsewhere(full_report: Report) -> None:
    named = dataclasses.replace(full_report, command="NaN", options={"x": "Infinity"})
    assert back(written(named)) == named


def test_the_order_of_mappings_does_not_matter(full_report: Report) -> None:
    turned = dataclasses.replace(full_report, tools=dict(reversed(full_report.tools.items())))
    assert written(turned) == written(full_report)


def test_half_a_surrogate_pair_in_a_name_is_written(full_report: Report) -> None:
    named = dataclasses.replace(full_report, command="layer \ud800", options={"\udfff": 1})
    said = json.loads(written(named))
    assert said["command"] == "layer \\ud800"
    assert said["options"] == {"\\udfff": 1}


def test_several_reports_are_one_document(full_report: Report, bare_report: Report) -> None:
    said = json.loads(written_together([full_report, bare_report]))
    assert said["schema"] == 1
    assert [json.loads(written(r)) for r in (full_report, bare_report)] == said["reports"]


def put(*path: Any, value: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


def drop(*path: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return change


WRONG = {
    "schema": (put("schema", value=2), "expected schema 1, got 2"),
    "no schema": (drop("schema"), "expected schema 1, got None"),
    "unknown": (put("comand", value="x"), "unknown key 'comand'; did you mean 'command'?"),
    "unknown deep": (put("audit", "operators", 1, "macz", value=1), "operators[1]: unknown key"),
    "type": (put("source", "parameters", value="78666"), "`$.source.parameters`"),
    "missing": (drop("source", "sha256"), "sha256"),
    "a word": (put("parity_sqnr_db", value="much"), "`$.parity_sqnr_db`"),
    "verdict": (put("verdict", value="pass"), "$.verdict: says 'pass'"),
    "no verdict": (drop("verdict"), "expected the key 'verdict', it is missing"),
    "median": (put("latency", "artifact", "median_ms", value=0.1), "median_ms: says 0.1"),
    "pair": (put("layers", "skipped", 0, value=["one"]), "skipped"),
    "choice": (put("audit", "format", value="h5"), "`$.audit.format`"),
    "list": (put("source", value=[]), "`$.source`"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_document_is_refused_by_name(case: str, full_report: Report) -> None:
    change, said = WRONG[case]
    document = json.loads(written(full_report))
    change(document)
    with pytest.raises(ArtifactError, match=r"^out/report\.json: ") as caught:
        back(json.dumps(document).encode(), where="out/report.json")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(jsonschema.ValidationError):
        # What computes to something else is beyond a schema.
        jsonschema.Draft202012Validator(schema_of("report")).validate(document)
        if case in ("verdict", "median"):
            raise jsonschema.ValidationError("cannot tell")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b"NaN"]
)
def test_what_is_no_document_is_refused(content: bytes) -> None:
    with pytest.raises(ArtifactError, match=r"^report: .*expected a "):
        back(content)


def test_optional_fields_may_be_missing(bare_report: Report) -> None:
    document = json.loads(written(bare_report))
    for key in ("latency", "evaluation", "candidates", "tools", "command"):
        del document[key]
    assert back(json.dumps(document).encode()) == bare_report


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_schema_is_one_and_says_which(name: str) -> None:
    schema = schema_of(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:edgekit:schema:{name}:1"
    assert schema["version"] == 1
    assert schema["additionalProperties"] is False


def test_every_computed_figure_is_in_the_schema() -> None:
    schema = schema_of("report")
    for kind, figures in FIGURES.items():
        component = schema if kind is Report else schema["$defs"][kind.__name__]
        assert set(figures) <= set(component["properties"])
        assert set(figures) <= set(component["required"])


def test_an_unknown_schema_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'report'"):
        schema_of("reports")


@pytest.mark.parametrize("name", catalog.names("targets"))
def test_every_shipped_target_obeys_the_schema(name: str) -> None:
    import tomllib

    content = tomllib.loads(catalog.locate("targets", name).read_text())
    jsonschema.Draft202012Validator(schema_of("target")).validate(content)
    assert content["schema"] == table.SCHEMA
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema_of("target")).validate(content | {"formt": "onnx"})


def test_a_manifest_obeys_the_schema(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"model")
    made = Manifest(
        edgekit="0", source=Source(name="m", sha256="0" * 64), target=Target.load("tflite-int8"),
        seed=0, files=manifest.describe(tmp_path, ["model.tflite"]), options={"a": [1]},
    )  # fmt: skip
    manifest.write(made, tmp_path / "manifest.json")
    content = json.loads((tmp_path / "manifest.json").read_bytes())
    jsonschema.Draft202012Validator(schema_of("manifest")).validate(content)
