"""The HTML page: whole in itself, and never obeying a name from a model."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from html.parser import HTMLParser
from typing import Any

import pytest
from html_entries import BIDI, HOSTILE, a_device, an_entry, details, renamed

from edgekit.report.html import MARK, Entry, Failed, render
from edgekit.report.model import Report


class Page(HTMLParser):
    """Collects elements, their attributes and what is shown."""

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.shown: list[str] = []
        self.open: list[str] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.shown.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.shown).split())

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_a_page_is_well_formed_and_whole_in_itself(full_report: Report) -> None:
    content = render([an_entry(full_report)])
    assert content.startswith(MARK)
    page = Page(content)
    assert page.open == []
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "data", "poster"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/png;base64,")), tag
    assert "http://" not in content.replace("http://www.w3.org", "")
    assert "https://" not in content
    assert not page.of("link")
    (policy,) = (m["content"] for m in page.of("meta") if m.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none';")


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_from_a_model_is_obeyed(full_report: Report, name: str) -> None:
    report = renamed(full_report, name)
    entries = [an_entry(report, name), an_entry(renamed(full_report, "x"), "x")]
    content = render(entries, failed=[Failed(name=name, why=name)],
                     other_devices=[a_device(name, name)])  # fmt: skip
    usual = Page(render([an_entry(renamed(full_report, "n"), "n"), entries[1]],
                        failed=[Failed(name="n", why="n")],
                        other_devices=[a_device()]))  # fmt: skip
    page = Page(content)
    assert [t for t, _ in page.elements if t in ("script", "style", "img")] == [
        t for t, _ in usual.elements if t in ("script", "style", "img")
    ]
    for tag, attributes in page.elements:
        assert not [n for n in attributes if n.startswith("on")], tag
        assert set(attributes) <= {k for _, given in usual.elements for k in given}
    assert not set(content) & set(BIDI + "\x00\x1b\ud800")
    assert "{{ 7 * 7 }}" not in name or "{{ 7 * 7 }}" in content
    assert len(content) < 500_000
    content.encode()


def test_the_same_entries_give_the_same_page(full_report: Report) -> None:
    entries = [an_entry(full_report)] * 2
    assert render(entries) == render(entries)


def test_everything_is_said(full_report: Report) -> None:
    said = Page(render([an_entry(full_report)])).text
    for part in (
        "resnet8 for tflite-int8", "0.8720", "0.8680", "drop 0.40 pp [-0.61, 1.40]",
        "3.21x smaller", "broken promise", "too-few-samples", "Pass 1: qat", "bias moved by 0.02",
        "Test CPU @ 2.00GHz", "ef" * 32, "edgekit convert conv2d/1 --target tflite-int8", "3.15.1",
        "sample 3, class 1", "0.100 % lie beyond", "board", "4 to 6.5 ms", "litert, min-max",
        "Lowest SQNR: dense", "no interval" if full_report.evaluation is None else "cannot tell",
    ):  # fmt: skip
        assert part in said, part


def test_pictures_say_in_words_what_they_show(full_report: Report) -> None:
    page = Page(render([an_entry(full_report), an_entry(full_report)]))
    labels = [p["aria-label"] or "" for p in page.of("svg") if p.get("role") == "img"]
    assert all(labels)
    for start in ("top1 against latency on this host", "top1 against latency on board",
                  "float tflite, this host: median", "instructions by kind of operator on board",
                  "SQNR of 2 tensors", "The graph in blocks",
                  "conv: numbers from -1 to 2"):  # fmt: skip
        assert any(label.startswith(start) for label in labels), start


def test_what_was_not_collected_is_said_with_its_option(bare_report: Report) -> None:
    said = Page(render([Entry(report=bare_report)])).text
    for option in (
        "--evaluate",
        "--no-measure",
        "--layers",
        "--benchmark bench.json",
        "convert again",
    ):
        assert option in said, option
    assert "Not collected" in said
    whole = dataclasses.replace(details(), missing={"thumbnails": "unless --thumbnails is given"})
    said = Page(render([Entry(report=bare_report, details=whole)])).text
    assert "--thumbnails" in said
    assert "convert again" not in said


def test_long_tables_are_cut_and_say_so(full_report: Report) -> None:
    one = full_report.audit.operators[0]
    many = tuple(dataclasses.replace(one, index=at) for at in range(5000))
    audit = dataclasses.replace(full_report.audit, operators=many)
    content = render([Entry(report=dataclasses.replace(full_report, audit=audit))])
    assert "4700 more rows are in report.json" in content
    assert len(content) < 1_000_000


def test_a_report_of_any_size_stays_small(full_report: Report) -> None:
    """Ten artifacts with everything in them, and very many operators, layers and runs."""
    one, layer = full_report.audit.operators[0], full_report.layers.layers[0]
    latency = full_report.latency
    crowded = dataclasses.replace(
        full_report,
        audit=dataclasses.replace(full_report.audit, operators=(one,) * 3000),
        layers=dataclasses.replace(full_report.layers, layers=tuple(
            dataclasses.replace(layer, name=f"layer/{at}", position=at, rank=at + 1)
            for at in range(2000))),
        latency=dataclasses.replace(latency, artifact=dataclasses.replace(
            latency.artifact, samples_ms=tuple(1 + at % 97 / 100 for at in range(10_000)))),
    )  # fmt: skip
    spreads = details().weights * 64
    entry = Entry(report=crowded, details=details(weights=spreads, activations=spreads),
                  devices=(a_device(),) * 5)  # fmt: skip
    assert len(render([entry] * 10).encode()) < 5_000_000


def test_no_framework_is_imported(tmp_path: Any) -> None:
    code = (
        "import sys, edgekit.reporting, json; print(json.dumps([m for m in ('tensorflow', 'keras',"
        " 'onnx', 'openvino', 'matplotlib') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
