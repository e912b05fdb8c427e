"""What is kept comes back, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from kept_documents import EVIL, a_benchmark, a_report

import edgekit
from edgekit.comparing.metrics import METRICS as COMPARED
from edgekit.errors import ArtifactError, DestinationError, OptionError, UnknownName
from edgekit.gating import Policy, Rule
from edgekit.history import Origin, Selection
from edgekit.history.baseline import baseline_at, baseline_of
from edgekit.history.listing import figures
from edgekit.history.run import METRICS
from edgekit.report.documents import read, read_file, written

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
HERE = Origin(host="ci-1", commit="0123abcd" * 5, branch="main")


def test_a_report_comes_back_byte_for_byte_with_its_figures(place: str) -> None:
    report = a_report()
    with edgekit.open_history(place, writes=True) as history:
        (number,) = history.record(report, HERE, time=T0)
        run = history.run(number)
        assert history.document(number) == written(report)
    assert (run.kind, run.model, run.target, run.device) == (
        "conversion", "resnet8", "tflite-int8", "host"
    )  # fmt: skip
    assert (run.score, run.accuracy_drop_pp, run.parity_sqnr_db) == (0.868, 0.4, 31.25)
    assert run.latency_ms == pytest.approx(0.46)
    assert (run.latency_basis, run.model_memory_mib) == ("measured", 10.0)
    assert run.size_kib == report.artifact.size_bytes / 1024
    assert (run.host, run.commit, run.branch, run.time) == ("ci-1", "0123abcd" * 5, "main", T0)
    assert (run.verdict, run.source_sha256) == ("pass", "ab" * 32)


def test_a_benchmark_has_a_run_for_each_device_and_one_document(place: str) -> None:
    with edgekit.open_history(place, writes=True) as history:
        numbers = history.record(a_benchmark())
        host, board, lost = (history.run(number) for number in numbers)
        assert {one.document for one in (host, board, lost)} == {host.document}
        assert history.document(numbers[1]) == written(a_benchmark())
    assert (host.device, host.model, host.target) == ("host", "kws", "tflite")
    assert (host.score, host.accuracy_drop_pp, host.peak_memory_mib) == (0.9, 5.0, 5000 / 1024)
    assert (board.latency_basis, board.instructions) == ("modelled", 75751)
    assert (board.verdict, lost.verdict, lost.latency_ms) == ("fail", "fail", None)
    # The host cannot count instructions where the board can: no budget of its own is missed.
    assert host.verdict == "pass"


def test_a_measured_file_is_named_by_the_report_beside_it(tmp_path: Path) -> None:
    report = replace(a_report("speech"), artifact=replace(a_report().artifact, sha256="ef" * 32))
    folder = tmp_path / "kws" / "small"
    folder.mkdir(parents=True)
    file = folder / "model.tflite"
    with edgekit.open_history(tmp_path / "runs.db", writes=True) as history:
        (number, *_) = history.record(a_benchmark(str(file)))
        assert (history.run(number).model, history.run(number).target) == ("kws", "small")
        (number, *_) = history.record(a_benchmark(str(folder / "net.tflite")))
        assert (history.run(number).model, history.run(number).target) == ("net", "tflite")
        (folder / "report.json").write_bytes(written(report))
        (number, *_) = history.record(a_benchmark(str(file)))
        assert (history.run(number).model, history.run(number).target) == ("speech", "tflite-int8")
        runs = history.runs(limit=3)
        assert {run.device for run in runs} == {"host", "raspberry-pi-4", "pixel"}
        assert {(run.model, run.target) for run in runs} == {("speech", "tflite-int8")}
        (folder / "report.json").write_bytes(written(a_report("another file's")))
        (number, *_) = history.record(a_benchmark(str(file)))
        assert history.run(number).model == "kws"


def test_selections_orders_and_pages(place: str) -> None:
    with edgekit.open_history(place, writes=True) as history:
        for day in range(6):
            model, target = ("a", "b")[day % 2], ("tflite-int8", "onnx-int8")[day // 3]
            report = a_report(model, target, scale=1 + day, passes=day != 4)
            history.record(report, HERE, time=T0 + timedelta(days=day))
        history.record(replace(a_report("a"), latency=None), Origin(host="x"), time=T0)
        wanted = [
            (Selection(), [7, 6, 5, 4, 3, 2, 1]),
            (Selection(model="a"), [7, 5, 3, 1]),
            (Selection(model="a", target="onnx-int8"), [5]),
            (Selection(verdict="fail"), [5]),
            (Selection(since=T0 + timedelta(days=4)), [6, 5]),
            (Selection(commit="0123ab"), [6, 5, 4, 3, 2, 1]),
            (Selection(commit="%"), []),
            (Selection(branch="main", device="host", kind="conversion"), [6, 5, 4, 3, 2, 1]),
            (Selection(kind="benchmark"), []),
        ]
        for selection, numbers in wanted:
            assert [run.id for run in history.runs(selection)] == numbers, selection
        slowest = [run.id for run in history.runs(order="latency_ms")]
        assert slowest == [6, 5, 4, 3, 2, 1, 7]  # what is not known comes last, both ways
        fastest = [run.id for run in history.runs(order="latency_ms", descending=False)]
        assert fastest == [1, 2, 3, 4, 5, 6, 7]
        assert [run.id for run in history.runs(limit=2, offset=2)] == [5, 4]
        with pytest.raises(UnknownName, match="no field 'document_id'"):
            history.runs(order="document_id")


def test_the_same_document_is_added_once_and_recorded_as_often_as_asked(place: str) -> None:
    with edgekit.open_history(place, writes=True) as history:
        assert history.record(a_report(), again=False) == [1]
        assert history.record(a_report(), again=False) == []
        assert history.record(a_report()) == [2]


def test_trends_keep_models_targets_devices_and_machines_apart(place: str) -> None:
    with edgekit.open_history(place, writes=True) as history:
        for scale in (1, 2, 3):
            history.record(a_report(scale=scale), Origin(host="one"))
            history.record(a_report(scale=10 * scale), Origin(host="two"))
            history.record(a_benchmark(latency_ms=scale), Origin(host=f"ci-{scale}"))
        found = history.trends("latency_ms", limit=2)
        counted = history.trends("instructions")
    told = {(s.model, s.device, s.machine): [p.value for p in ps] for s, ps in found.items()}
    assert told[("resnet8", "host", "one")] == pytest.approx([0.46 * 2, 0.46 * 3])
    assert told[("resnet8", "host", "two")] == pytest.approx([0.46 * 20, 0.46 * 30])
    assert told[("kws", "raspberry-pi-4", "")] == [6.0, 9.0]  # the same on every machine
    assert [len(points) for points in counted.values()] == [3]


def test_the_baseline_is_the_latest_passing_run_of_the_same(place: str) -> None:
    with edgekit.open_history(place, writes=True) as history:
        now = a_report(scale=9)
        assert baseline_of(history, now) is None
        for report, branch in (
            (a_report(scale=1), "main"),
            (a_report(scale=2), "main"),
            (a_report(scale=3), "other"),
            (a_report("another"), "main"),
            (a_report(target="onnx-int8"), "main"),
            (a_report(scale=4, passes=False), "main"),
            (now, "main"),
        ):
            history.record(report, Origin(branch=branch))
        assert baseline_of(history, now) == a_report(scale=3)
        assert baseline_of(history, now, branch="main") == a_report(scale=2)
    assert baseline_at(place, now) == a_report(scale=3)


def test_the_baseline_of_a_benchmark_may_come_of_several(place: str) -> None:
    with edgekit.open_history(place, writes=True) as history:
        first = replace(a_benchmark(latency_ms=1), budget={})  # both devices pass
        second = a_benchmark(latency_ms=2)  # the host alone passes
        for one in (first, second):
            history.record(one)
        found = baseline_of(history, a_benchmark(latency_ms=3))
    assert found is not None
    assert [(one.device, one.latency.ms) for one in found.measurements] == [
        ("host", 2.0), ("raspberry-pi-4", 3.0)
    ]  # fmt: skip


def test_hostile_names_are_kept_as_they_are(place: str) -> None:
    with edgekit.open_history(place, writes=True) as history:
        (number,) = history.record(a_report(EVIL), Origin(host=EVIL, branch=EVIL))
        run = history.run(number)
        assert (run.model, run.branch) == (EVIL, EVIL)
        assert [one.id for one in history.runs(Selection(model=EVIL))] == [number]
        assert read(history.document(number), where="it") == a_report(EVIL)


def test_a_very_long_name_is_cut_and_found_all_the_same(place: str) -> None:
    name = "long" * 500
    with edgekit.open_history(place, writes=True) as history:
        (number,) = history.record(a_report(name))
        assert [one.id for one in history.runs(Selection(model=name))] == [number]
        assert history.run(number).model == name[:255]
        assert read(history.document(number), where="it") == a_report(name)


def test_names_that_no_database_takes_are_spelled_out(place: str) -> None:
    with edgekit.open_history(place, writes=True) as history:
        (number, *_) = history.record(a_benchmark("no/\udcff\0.tflite"))
        assert history.run(number).model == r"\udcff\x00"
        assert b"udcff" in history.document(number)


def test_what_there_is_not_is_said_in_one_line(place: str, db: Path) -> None:
    with edgekit.open_history(place, writes=True) as history:
        with pytest.raises(OptionError, match=r"no run 7 in .*`edgekit history` lists"):
            history.run(7)
        with pytest.raises(OptionError, match="no run 7"):
            history.document(7)
        with pytest.raises(UnknownName, match="did you mean 'latency_ms'"):
            history.trends("latency")
    with pytest.raises(DestinationError, match="no such file"):
        edgekit.open_history(db.with_name("nothing.db"))


def test_reading_begins_no_history_and_changes_nothing(place: str, db: Path) -> None:
    if place == str(db):
        db.touch()  # an empty file is an empty database
    with pytest.raises(DestinationError, match="no run was kept there"):
        edgekit.open_history(place)
    edgekit.open_history(place, writes=True).close()
    with (
        edgekit.open_history(place) as history,
        pytest.raises(DestinationError, match=r"readonly|read-only"),
    ):
        history.record(a_report())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"[1]", "got a JSON list"),
        (b'{"a": 1}', "got other keys"),
        (b'{"schema": 9, "measurements": []}', "expected schema 1, got 9"),
        (b'{"reports": [1]}', "report 1: expected a report.json"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=said):
        read_file(path)


def test_what_convert_prints_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    plain = [msgspec.json.decode(written(one)) for one in (a_report("a"), a_report("b"))]
    path.write_bytes(msgspec.json.encode({"schema": 1, "reports": plain}))
    assert read_file(path) == [a_report("a"), a_report("b")]


def test_figures_have_the_names_and_units_of_gate_and_compare() -> None:
    for name, kept in METRICS.items():
        assert (name, kept.unit) == (name, COMPARED[name].unit)


def test_an_error_that_grew_is_in_per_cent_everywhere(place: str) -> None:
    report = a_report()
    assert report.evaluation is not None
    evaluation = replace(report.evaluation, drop_unit="per cent of the source's error")
    grown = replace(report, evaluation=evaluation)
    with edgekit.open_history(place, writes=True) as history:
        numbers = [number for one in (report, grown) for number in history.record(one)]
        said = [dict(figures(history.run(number)))["drop"] for number in numbers]
        trends = history.trends("accuracy_drop_pp")
    assert said == ["0.40 pp", "0.40 %"]
    assert [(series.unit, len(points)) for series, points in trends.items()] == [
        ("%", 1),
        ("pp", 1),
    ]
    told = {one.metric: one.unit for one in edgekit.compare(report, grown).differences}
    assert told["accuracy_drop_pp"] == "%"
    rule = Rule(metric="accuracy_drop_pp", limit=0.1)
    checks = [edgekit.gate(one, Policy(rules=(rule,))).checks[0] for one in (report, grown)]
    assert [check.unit for check in checks] == ["pp", "%"]
    assert "0.4 %, expected at most 0.1 %" in checks[1].text
