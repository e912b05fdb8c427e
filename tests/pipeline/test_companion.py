"""Several formats are made by two processes on one cache, and nothing depends on the second."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgekit import api, spawn
from edgekit.cache import Cache
from edgekit.pipeline import companion
from edgekit.pipeline.options import Options
from edgekit.pipeline.workshop import Workshop
from edgekit.progress import Silent
from edgekit.target import Target

FORMATS = ("tflite-int8", "openvino-int8", "onnx-int8")


@pytest.fixture
def targets() -> tuple[Target, ...]:
    return tuple(Target.load(name) for name in FORMATS)


@pytest.fixture
def shop(bench, tmp_path: Path) -> Workshop:
    (tmp_path / "claims").mkdir()
    shop = Workshop(bench.model, Options(calibration=bench.data), Cache(tmp_path), Silent())
    shop.keeper.claims = tmp_path / "claims"
    return shop


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = companion.cpu_facts()
    monkeypatch.setattr(companion, "cpu_facts", lambda: replace(facts, cores=2))


def convert(bench, out: Path) -> dict[str, str]:
    options = Options(measure=False)
    made = api.convert(
        bench.model, FORMATS, out=out, calibration=bench.data, options=options, cache=False
    )
    assert not made.failures
    return {report.target.name: report.artifact.sha256 for report in made.reports}


@pytest.mark.slow
@pytest.mark.usefixtures("two_cores")
def test_two_processes_give_the_bytes_of_one(
    bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = convert(bench, tmp_path / "together")
    fails = [sys.executable, "-c", "raise SystemExit(1)"]
    monkeypatch.setattr(spawn, "python", lambda task: fails)
    assert convert(bench, tmp_path / "left alone") == together
    monkeypatch.setattr(companion, "MOST_BYTES", 0)
    assert convert(bench, tmp_path / "alone") == together


@pytest.mark.slow
def test_the_companion_makes_every_target_that_is_free(shop: Workshop, targets, tmp_path) -> None:
    with companion.Companion(shop, targets) as second:
        assert second.wait() == 0
    stages = [entry.stage for entry in Cache(tmp_path).entries()]
    assert stages.count("make") == len(targets)


def test_a_companion_ends_with_the_process_that_began_it(shop: Workshop, targets) -> None:
    with companion.Companion(shop, targets) as second:
        second.leave_alone()  # as the system does where the first process is killed
        assert second.wait() == 0


@pytest.mark.usefixtures("two_cores")
def test_one_process_is_enough_for_one_format(shop: Workshop, targets) -> None:
    assert companion.worth_it(shop, targets)
    assert not companion.worth_it(shop, targets[:1])


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize(
    "option", [{"custom_objects": ("a:b",)}, {"allow_code": True}, {"calibration": "a:b"}]
)
def test_user_code_runs_in_one_process_only(bench, tmp_path, targets, option) -> None:
    options = Options(**{"calibration": bench.data, **option})
    assert not companion.worth_it(
        Workshop(bench.model, options, Cache(tmp_path), Silent()), targets
    )


def test_one_core_has_one_process(shop: Workshop, targets, monkeypatch) -> None:
    facts = companion.cpu_facts()
    monkeypatch.setattr(companion, "cpu_facts", lambda: replace(facts, cores=1))
    assert not companion.worth_it(shop, targets)


def test_the_companion_need_not_load_the_model_for_evidence(shop: Workshop, tmp_path) -> None:
    assert shop.facts
    assert "parity" in [entry.stage for entry in Cache(tmp_path).entries()]
