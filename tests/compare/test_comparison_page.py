"""What changed, as a page: in Chromium, without scripts, and with names that are out for harm."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from chromium_page import ChromiumPage, browsing, needs_browser
from click.testing import CliRunner

import edgekit
from edgekit.cli import main
from edgekit.comparing.html import moved
from edgekit.errors import ArtifactError, OptionError
from edgekit.report.devices import Benchmark
from edgekit.report.documents import REPORT, read_file_as
from edgekit.report.model import Report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gate"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "report"))
from gate_documents import measured, modelled, timed
from html_entries import HOSTILE, renamed

GOLDEN = Path(__file__).resolve().parents[1] / "report" / "golden" / "report-1.json"
WIDTHS = (360, 768, 1440)


def a_report(**changes: Any) -> Report:
    return dataclasses.replace(read_file_as(REPORT, GOLDEN), **changes)


def sampled(scale: float, *, count: int = 200) -> Report:
    """Return a report with so many latencies."""
    report = a_report()
    assert report.latency is not None
    samples = tuple(scale * (1 + 0.1 * ((at * 7919) % 101) / 101) for at in range(count))
    own = dataclasses.replace(report.latency.artifact, samples_ms=samples)
    return dataclasses.replace(report, latency=dataclasses.replace(report.latency, artifact=own))


def changed(report: Report) -> Report:
    """Return it with another artifact: larger, with another operator, other versions."""
    first = dataclasses.replace(report.audit.operators[0], kind="EXP", precision="float32",
                                numbers="float")  # fmt: skip
    audit = dataclasses.replace(report.audit, operators=(first, *report.audit.operators[1:]),
                                file_bytes=2 * report.audit.file_bytes)  # fmt: skip
    return dataclasses.replace(report, audit=audit, tools=report.tools | {"keras": "9.9"})


class Words(HTMLParser):
    """The texts and tags of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_everything_that_changed_is_told():
    html = edgekit.html_comparison(sampled(1.0), changed(sampled(2.0)))
    words = Words(html).texts
    assert "What changed" in words
    for caption in ("Operators that changed", "Precision that changed",
                    "Environment that changed", "Figures that changed, or may have"):  # fmt: skip
        assert caption in words
    assert any(text.startswith("Worse: latency_ms") for text in words)
    assert "Identity: the same." in words
    assert {"EXP", "keras", "9.9", "size_kib"} <= set(words)
    assert [text for text in words if text.startswith(("before: median 1", "after: median 2"))]
    assert html == edgekit.html_comparison(sampled(1.0), changed(sampled(2.0)))


def test_what_cannot_be_told_has_its_reason():
    html = edgekit.html_comparison(sampled(1.0, count=4), sampled(1.1, count=4))
    words = Words(html).texts
    assert "cannot tell" in words
    assert "too few samples: 4 and 4, needs 10" in words


def test_without_samples_of_both_there_is_no_picture_of_them():
    one, other = (Benchmark(measurements=(measured(latency=found),))
                  for found in (timed(*[1.0] * 20), modelled(1.0)))  # fmt: skip
    html = edgekit.html_comparison(one, other)
    assert "raw samples of both sides" in html
    assert 'class="picture latency"' not in html
    assert "one is measured, the other modelled" in html


def test_what_is_on_one_side_only_and_what_a_document_does_not_tell():
    board = Benchmark(measurements=(measured("host"), measured("board")))
    html = edgekit.html_comparison(a_report(), board)
    words = Words(html).texts
    assert "On one side only" in words
    assert "operators: one of the documents does not tell." in words
    with pytest.raises(ArtifactError):
        edgekit.html_comparison(a_report(), "nowhere.json")
    with pytest.raises(OptionError, match="two or more"):
        edgekit.html_comparison(a_report())


def test_moves_are_shares_of_what_was():
    found = edgekit.compare(sampled(2.0), changed(sampled(3.0))).differences
    told = {one.metric: one for one in moved.moves(found)}
    assert told["latency_ms"].percent == pytest.approx(50, abs=2)
    assert told["latency_ms"].low < 50 < told["latency_ms"].high
    assert "parity_sqnr_db" not in told
    far = dataclasses.replace(told["latency_ms"], percent=900.0, low=850.0, high=950.0)
    drawn = str(moved.draw([far]))
    assert "▶" in drawn
    assert "+900 % (+850 to +950 %), worse" in drawn


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_name_is_shown_and_not_obeyed(name: str):
    one, other = renamed(a_report(), name), renamed(changed(sampled(2.0)), name)
    words = Words(edgekit.html_comparison(one, other))
    assert words.tags.count("script") == 1
    assert not {"img", "iframe", "object"} & set(words.tags)
    assert words.handlers == []


def test_the_command_writes_the_page(tmp_path: Path):
    page = tmp_path / "c.html"
    told = CliRunner().invoke(main, ["compare", str(GOLDEN), str(GOLDEN), "--html", str(page)])
    assert (told.exit_code, f"wrote {page}" in told.stdout) == (0, True)
    assert page.read_text(encoding="utf-8") == edgekit.html_comparison(GOLDEN, GOLDEN)
    quiet = CliRunner().invoke(
        main, ["compare", str(GOLDEN), str(GOLDEN), "--json", "--html", str(page)]
    )
    assert quiet.stdout.startswith("{")
    lost = CliRunner().invoke(
        main, ["compare", str(GOLDEN), str(GOLDEN), "--html", str(tmp_path / "no" / "c.html")]
    )
    assert (lost.exit_code, lost.stderr.count("\n")) == (1, 1)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromiumPage]:
    with browsing(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "comparison.html"
    html = edgekit.html_comparison(sampled(1.0), changed(sampled(2.0)), sampled(1.01))
    path.write_text(html, encoding="utf-8")
    return path


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_in_a_browser(seen: ChromiumPage, file: Path, width: int, dark: bool) -> None:
    seen.open(file, width=width, dark=dark)
    assert seen.complaints == []
    assert seen.requests == []
    assert seen.fits
    drawn = "[...document.querySelectorAll('svg.picture')].filter(s => s.getBoundingClientRect()"
    assert seen.ask(f"{drawn}.height > 20).length") == 4
    assert seen.violations() == []


@needs_browser
def test_figures_are_sorted_by_number(seen: ChromiumPage, file: Path) -> None:
    seen.open(file)
    of_figures = (
        "[...document.querySelectorAll('table')].find(t => t.caption.textContent.startsWith("
        "'Figures that changed'))"
    )
    column = f"[...{of_figures}.tBodies[0].rows].map(r => Number(r.cells[6].dataset.n))"
    before = seen.ask(column)
    assert before != sorted(before)
    seen.ask(f"{of_figures}.tHead.rows[0].cells[6].querySelector('button').click()")
    assert seen.ask(column) == sorted(before)


@needs_browser
def test_it_is_whole_without_scripts(seen: ChromiumPage, file: Path) -> None:
    told = "document.body.innerText.replaceAll(/[\\u2191\\u2193\\u2195\\s]/g, '').length"
    seen.open(file)
    with_scripts = seen.ask(told)
    seen.open(file, scripts=False)
    assert seen.ask("document.querySelectorAll('th button').length") == 0
    assert seen.ask(told) == with_scripts


@needs_browser
@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_do_nothing_there(seen: ChromiumPage, tmp_path: Path, name: str) -> None:
    one, other = renamed(a_report(), name), renamed(changed(sampled(2.0)), name)
    path = tmp_path / "c.html"
    path.write_text(edgekit.html_comparison(one, other), encoding="utf-8")
    seen.open(path, width=360)
    assert (seen.complaints, seen.requests) == ([], [])
    assert seen.ask("document.scripts.length") == 1
    assert seen.fits
