"""What can be compared is found in every form, and what cannot says why in one line."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner

import edgekit
from edgekit.cli import main
from edgekit.errors import ArtifactError, OptionError
from edgekit.report.devices import Benchmark
from edgekit.report.documents import REPORT, read_file_as
from edgekit.report.plain import to_plain

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gate"))
from gate_documents import measured, modelled

GOLDEN = Path(__file__).resolve().parents[1] / "report" / "golden" / "report-1.json"


def written(path: Path, *measurements) -> Path:
    found = Benchmark(measurements=measurements)
    path.write_bytes(msgspec.json.encode(to_plain(found)))
    return path


def test_a_report_is_the_same_as_itself_as_a_file_and_as_an_object():
    found = edgekit.compare(GOLDEN, read_file_as(REPORT, GOLDEN))
    of_file = ("size_kib", "macs", "operators", "integer_mac_share", "broken_promises")
    told = {one.metric: one.verdict for one in found.differences}
    assert {told[name] for name in of_file} == {"same"}
    assert not {"better", "worse"} & {d.verdict for d in found.differences}
    assert found.after[0].changes == ()


def test_the_document_follows_its_schema_and_the_table_fits_80_columns(tmp_path):
    new = written(tmp_path / "b.json", measured(size=12.0, latency=modelled(2.0)))
    old = written(tmp_path / "a.json", measured(size=10.0, latency=modelled(1.0)))
    ran = CliRunner().invoke(main, ["compare", str(old), str(new), str(old), "--json"])
    said = json.loads(ran.stdout)
    schema = json.loads(CliRunner().invoke(main, ["schema", "comparison"]).stdout)
    jsonschema.Draft202012Validator(schema).validate(said)
    assert len(said["after"]) == 2
    table = CliRunner().invoke(main, ["compare", str(old), str(new)])
    assert table.exit_code == 0
    assert max(map(len, table.stdout.splitlines())) <= 80
    assert "+20.00 %" in table.stdout


def test_a_pattern_chooses_files_of_one_document(tmp_path):
    both = written(
        tmp_path / "t.json",
        measured(file="main/digits/tflite-int8/model.tflite", size=10.0),
        measured(file="new/digits/tflite-int8/model.tflite", size=9.0),
    )
    with pytest.raises(ArtifactError, match="choose files with #PATTERN"):
        edgekit.compare(both, both)
    found = edgekit.compare(f"{both}#main/*/*/*", f"{both}#new/*/*/*")
    (size,) = [one for one in found.differences if one.metric == "size_kib"]
    assert (size.change, size.verdict) == (-1.0, "better")


def test_renamed_models_and_other_targets_compare_where_nothing_else_can_be_meant(tmp_path):
    old = written(tmp_path / "a.json", measured(file="old/tflite-int8/model.tflite"))
    new = written(tmp_path / "b.json", measured(file="new/tflite-int4/model.tflite", size=5.0))
    assert [d.verdict for d in edgekit.compare(old, new).differences] == ["better", "same"]
    two = written(tmp_path / "c.json", measured("x", "p.tflite"), measured("x", "q.tflite"))
    found = edgekit.compare(old, two)
    assert found.differences == ()
    assert len(found.after[0].unmatched) == 3


def test_figures_of_another_kind_are_not_told_apart(tmp_path):
    from gate_documents import timed

    old = written(tmp_path / "a.json", measured(latency=modelled(1.0)))
    new = written(tmp_path / "b.json", measured(latency=timed(*[2.0] * 50)))
    (one,) = [d for d in edgekit.compare(old, new).differences if d.metric == "latency_ms"]
    assert (one.verdict, one.reason) == ("cannot tell", "one is modelled, the other measured")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"[]", "a JSON list"),
        (b"{}", "expected a report.json"),
        (b'{"measurements": [], "schema": 99}', "expected schema 1"),
        (b'{"measurements": [], "schema": 1, "edgekit": "1"}', "nothing to compare"),
        (b'{"measurements": 3, "schema": 1}', "measurements"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_what_is_not_a_document_says_what_was_expected(tmp_path, content, said):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ArtifactError) as raised:
        edgekit.compare(path, GOLDEN)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_is_missing_says_so(tmp_path):
    with pytest.raises(ArtifactError, match="No such file"):
        edgekit.compare(tmp_path / "none.json", GOLDEN)
    with pytest.raises(ArtifactError, match="nothing to compare"):
        edgekit.compare(tmp_path, GOLDEN)
    with pytest.raises(OptionError, match="two or more"):
        edgekit.compare(GOLDEN)
    with pytest.raises(OptionError, match="share"):
        edgekit.compare(GOLDEN, GOLDEN, run_to_run=2)
    with pytest.raises(ArtifactError, match="int"):
        edgekit.compare(GOLDEN, 3)


def test_a_device_without_caches_has_no_misses(tmp_path):
    one = measured(instructions=100)
    no_caches = dataclasses.replace(one.counts, l1_misses=None, l2_misses=None)
    path = written(tmp_path / "a.json", dataclasses.replace(one, counts=no_caches))
    names = [one.metric for one in edgekit.compare(path, path).differences]
    assert "instructions" in names
    assert "l1_misses" not in names
