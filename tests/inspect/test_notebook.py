"""What Jupyter is given for results."""

from __future__ import annotations

from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from chromium_page import browsing, needs_browser

import edgekit
from edgekit.accuracy import Evaluation, evaluate
from edgekit.accuracy.metrics import metric
from edgekit.evaluation import EvaluationResult
from edgekit.farming import FarmRun
from edgekit.gating import Policy, Rule
from edgekit.report.model import (
    CompressionFacts,
    CompressionReport,
    ModelFigures,
    PassFacts,
    SourceFacts,
)  # fmt: skip
from edgekit.report.notebook import html_of
from edgekit.report.notebook.table import bars

EVIL = "<img src=x onerror=alert(1)>\"'</td>"


class Parsed(HTMLParser):
    """Collects tags and text; complains of what could run or be asked for."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)
        assert not {"script", "img", "iframe", "link", "object"} & set(self.tags)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def compression(name: str = "digits") -> Any:
    figures = ModelFigures(parameters=10, macs=None, sparsity=0.5, weight_bytes=4096,
                           compressed_bytes=2048)  # fmt: skip
    report = CompressionReport(
        edgekit="0", options={},
        source=SourceFacts(name=name, sha256="", origin="", kind="", parameters=10,
                           size_bytes=1, inputs=(), outputs=()),
        compression=CompressionFacts(recipe="prune-50", description=name, before=figures,
                                     after=figures),
        passes=(PassFacts(name="magnitude-prune", options={}, seconds=1.5, figures={name: 0.5}),),
        warnings=(name,),
    )  # fmt: skip
    return SimpleNamespace(report=report)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    chance = np.random.default_rng(0)
    scores = chance.random((50, 4)).astype(np.float32)
    other = (scores + chance.normal(0, 0.2, scores.shape)).astype(np.float32)
    return evaluate({"y": scores}, {"y": other}, scores.argmax(-1), metric("top1"))


def compared(evaluation: Evaluation, name: str = "model.tflite") -> EvaluationResult:
    return EvaluationResult(
        artifact=name, artifact_sha256="", source=name, source_sha256="", data=name,
        evaluation=evaluation, notes=(name,),
    )  # fmt: skip


def test_audit_and_inspection(tflite_file: Path) -> None:
    audited = edgekit.audit(tflite_file)
    shown = Parsed(audited._repr_html_())
    assert f"{audited.macs:,}" in shown.text
    assert shown.tags.count("table") == 3
    assert "svg" in shown.tags
    graph = edgekit.inspect(tflite_file)
    shown = Parsed(graph._repr_html_())
    assert all(one.kind in shown.text for one in graph.operators)


def test_benchmark(tflite_file: Path) -> None:
    found = edgekit.benchmark(tflite_file, "fake", min_runs=2, min_seconds=0.0)
    shown = Parsed(found._repr_html_())
    assert found.measurements[0].device in shown.text
    assert tflite_file.name in shown.text
    one = replace(found.measurements[0], device=EVIL, warnings=(EVIL,), file=EVIL)
    shown = Parsed(replace(found, measurements=(one,))._repr_html_())
    assert EVIL in shown.text


def test_comparison(evaluation: Evaluation) -> None:
    shown = Parsed(compared(evaluation)._repr_html_())
    assert "top1 of the source model" in shown.text
    assert f"{evaluation.artifact_score:.4f}" in shown.text
    assert EVIL in Parsed(compared(evaluation, EVIL)._repr_html_()).text


def test_compression() -> None:
    assert "magnitude-prune" in Parsed(html_of("compression", compression())).text
    assert EVIL in Parsed(html_of("compression", compression(EVIL))).text


def test_conversion_without_results() -> None:
    failed = SimpleNamespace(target=EVIL, error=EVIL)
    shown = Parsed(html_of("conversion", SimpleNamespace(reports=(), failures=(failed,))))
    assert f"fail: {EVIL}: {EVIL}" in shown.text


def test_a_comparison_and_a_gate(tflite_file: Path, tmp_path: Path) -> None:
    other = tmp_path / f"{EVIL.replace('/', '')}.tflite"
    other.write_bytes(tflite_file.read_bytes())
    found = edgekit.compare(tflite_file, other)
    moved = replace(found.differences[0], verdict="worse", before=1.0, after=1234567.0)
    compared = replace(found.after[0], differences=(moved, *found.differences[1:]))
    shown = Parsed(replace(found, after=(compared,))._repr_html_())
    assert "1,234,567 KiB" in shown.text
    assert "worse" in shown.text
    rules = (Rule(metric="size_kib", limit=0.001), Rule(metric="size_kib", limit=1e9))
    gated = edgekit.gate(other, Policy(rules=rules))
    shown = Parsed(gated._repr_html_())
    assert gated.sentence in shown.text
    assert shown.text.index("fail") < shown.text.index("pass")


def test_a_run_of_a_farm(tmp_path: Path) -> None:
    run = FarmRun(document=tmp_path / "a.json", done=41, failed=1, again=0, failures=(EVIL,))
    shown = Parsed(run._repr_html_())
    assert "41" in shown.text
    assert EVIL in shown.text


def test_every_public_result_is_shown() -> None:
    from edgekit.comparing.result import ComparisonResult
    from edgekit.compression import Compression
    from edgekit.gating import GateResult
    from edgekit.pipeline.convert import Conversion
    from edgekit.report.devices import Benchmark

    kinds = (
        Compression,
        Conversion,
        EvaluationResult,
        Benchmark,
        ComparisonResult,
        GateResult,
        FarmRun,
    )
    for kind in kinds:
        assert callable(kind._repr_html_)  # type: ignore[attr-defined]
        assert "_repr_html_" not in {field.name for field in fields(kind)}


def test_bars_stay_within() -> None:
    found = bars([1.0, None, -3.0, float("nan"), float("inf")], ["a", "", "c", "d", "e"])
    assert found[1] == "-"
    assert all(isinstance(one, str) or 0.0 <= one.share <= 1.0 for one in found)


@needs_browser
def test_in_a_browser(tmp_path: Path, tflite_file: Path, evaluation: Evaluation) -> None:
    parts = [
        edgekit.audit(tflite_file)._repr_html_(), edgekit.inspect(tflite_file)._repr_html_(),
        compared(evaluation, EVIL)._repr_html_(), html_of("compression", compression(EVIL)),
    ]  # fmt: skip
    file = tmp_path / "notebook.html"
    with browsing(tmp_path / "browser") as page:
        for ground, ink in (("#ffffff", "rgb(0, 0, 0)"), ("#111111", "rgb(221, 221, 221)")):
            file.write_text(
                f'<!doctype html><meta charset="utf-8"><title>notebook</title>'
                f'<body style="background:{ground};color:{ink}">{"".join(parts)}',
                encoding="utf-8",
            )
            page.open(file)
            colours = page.ask(
                "[...new Set([...document.querySelectorAll('td, th, p, caption')]"
                ".map((one) => getComputedStyle(one).color))]"
            )
            assert colours == [ink]
            assert (page.requests, page.complaints) == ([], [])
