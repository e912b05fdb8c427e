"""``edgekit report``: pages of reports that lie on disk."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from html_entries import a_device, details

from edgekit import manifest
from edgekit.cli import main
from edgekit.report.devices import Benchmark, DeviceFailure
from edgekit.report.documents import written
from edgekit.report.html import MARK
from edgekit.report.model import Report
from edgekit.report.plain import to_plain


@pytest.fixture
def folders(full_report: Report, tmp_path: Path) -> list[Path]:
    made = []
    for number, name in enumerate(("tflite-int8", "another")):
        target = dataclasses.replace(full_report.target, name=name)
        artifact = dataclasses.replace(full_report.artifact, sha256=f"{number}d" * 32)
        folder = tmp_path / name
        folder.mkdir()
        report = dataclasses.replace(full_report, target=target, artifact=artifact)
        (folder / "report.json").write_bytes(written(report))
        told = details(artifact_sha256=artifact.sha256)
        (folder / "details.json").write_bytes(written(told, compact=True))
        made.append(folder)
    return made


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    own = dataclasses.replace(a_device("my-board"), sha256="1d" * 32)
    found = Benchmark(
        measurements=(own, dataclasses.replace(own, device="elsewhere", sha256="f" * 64)),
        failures=(DeviceFailure(device="broken", file="a/model.tflite", error="no answer"),),
    )
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(to_plain(found)))
    return path


def report(*words: object) -> Any:
    return CliRunner().invoke(main, ["report", *map(str, words)])


def test_reports_and_devices_come_together(
    folders: list[Path], bench: Path, tmp_path: Path
) -> None:
    out = tmp_path / "page.html"
    done = report(*folders, "--benchmark", bench, "-o", out)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"wrote {out}\n"
    page = out.read_text(encoding="utf-8")
    assert page.startswith(MARK)
    first, second = page.split('<article id="artifact-2"')
    assert "instructions by kind of operator on my-board" in second
    assert "instructions by kind of operator on my-board" not in first
    assert "elsewhere" in second.split("Other files on devices")[1]
    assert "no answer" in first


def test_details_of_another_artifact_are_left_out(folders: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    other = written(details(artifact_sha256="9" * 64), compact=True)
    (folders[0] / "details.json").write_bytes(other)
    assert report(folders[0] / "report.json", "-o", out).exit_code == 0
    assert "no details.json beside the report" in out.read_text(encoding="utf-8")


def test_digests_come_from_a_manifest_of_the_same_files(
    folders: list[Path], full_report: Report, tmp_path: Path
) -> None:
    (folders[0] / "model.tflite").write_bytes(b"x" * 99936)
    described = manifest.Manifest(
        edgekit="0", source=manifest.Source(name="m", sha256="0" * 64), seed=0,
        target=full_report.target, files=manifest.describe(folders[0], ["model.tflite"]),
    )  # fmt: skip
    manifest.write(described, folders[0] / "manifest.json")
    out = tmp_path / "page.html"
    assert report(folders[0], "-o", out).exit_code == 0
    assert described.files["model.tflite"].sha256 in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"schema": 2}', b"{" * 9999, b"\xff"])
@pytest.mark.parametrize("name", ["report.json", "details.json", "bench.json"])
def test_broken_files_are_one_line(
    folders: list[Path], bench: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    (bench if name == "bench.json" else folders[0] / name).write_bytes(content)
    done = report(*folders, "--benchmark", bench, "-o", tmp_path / "page.html")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert name in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "page.html").exists()


def test_wrong_numbers_of_reports_and_places_are_refused(
    folders: list[Path], tmp_path: Path
) -> None:
    places = ([folders[0], "-o", tmp_path], [folders[0], "-o", tmp_path / "no" / "a.html"])
    for words in ([*folders, folders[0]], [folders[0]] * 11, [tmp_path / "none.json"], *places):
        done = report(*words)
        assert done.exit_code == 1, words
        assert done.stderr.count("\n") == 1
