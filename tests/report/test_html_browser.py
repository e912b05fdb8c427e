"""The HTML page as a reader meets it: in headless Chromium, at three widths, light and dark."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium_page import ChromiumPage, browsing, needs_browser
from html_entries import HOSTILE, an_entry, renamed

from edgekit.report.html import render

pytestmark = needs_browser
WIDTHS = (360, 768, 1440)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromiumPage]:
    with browsing(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def page(full_report, tmp_path: Path) -> Path:
    audit, own = full_report.audit, dataclasses.replace(full_report.target, name="another")
    operators = tuple(
        dataclasses.replace(audit.operators[0], index=at, macs=(7 * at) % 40) for at in range(40)
    )
    other = dataclasses.replace(
        full_report, target=own, audit=dataclasses.replace(audit, operators=operators)
    )
    path = tmp_path / "report.html"
    path.write_text(render([an_entry(full_report), an_entry(other)]), encoding="utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_asks_nothing_complains_of_nothing_and_fits(
    seen: ChromiumPage, page: Path, width: int, dark: bool
) -> None:
    seen.open(page, width=width, dark=dark)
    assert seen.complaints == []
    assert seen.requests == []
    assert seen.fits
    charts = "[...document.querySelectorAll('svg.picture')].filter(s => s.getBoundingClientRect()"
    assert seen.ask(f"{charts}.height > 20).length") >= 8
    ground = seen.ask("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") is not dark


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_no_violation(seen: ChromiumPage, page: Path, width: int, dark: bool) -> None:
    seen.open(page, width=width, dark=dark)
    assert seen.violations() == []


def test_tables_are_sorted_by_click_and_by_key(seen: ChromiumPage, page: Path) -> None:
    seen.open(page, width=1440)
    column = (
        "[...[...document.querySelectorAll('table')].filter(t => t.caption.textContent.startsWith("
        "'Operators'))[1].tBodies[0].rows].map(r => Number(r.cells[5].dataset.n))"
    )
    button = (
        "[...document.querySelectorAll('table')].filter(t => t.caption.textContent.startsWith("
        "'Operators'))[1].tHead.rows[0].cells[5].querySelector('button')"
    )
    before = seen.ask(column)
    assert before != sorted(before)
    seen.ask(f"{button}.click()")
    assert seen.ask(column) == sorted(before)
    assert seen.ask(f"{button}.closest('th').getAttribute('aria-sort')") == "ascending"
    seen.ask(f"{button}.closest('details').open = true")
    seen.ask(f"{button}.focus()")
    seen.press("Enter", code="Enter", text="\r", windowsVirtualKeyCode=13)
    assert seen.ask(column) == sorted(before, reverse=True)
    assert seen.ask("document.querySelectorAll('[aria-sort]').length") == 1


def test_it_is_whole_without_scripts(seen: ChromiumPage, page: Path) -> None:
    seen.open(page, width=768)
    told = "document.body.innerText.replaceAll(/[\\u2191\\u2193\\u2195\\s]/g, '').length"
    with_scripts = seen.ask(told)
    seen.open(page, width=768, scripts=False)
    assert seen.ask("document.querySelectorAll('th button').length") == 0
    assert seen.ask(told) == with_scripts


def test_folded_tables_are_printed(seen: ChromiumPage, page: Path) -> None:
    seen.open(page, width=1024, scripts=False)
    visible = "document.querySelector('details.fold table').checkVisibility()"
    assert not seen.ask(visible)
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    seen.call("Emulation.setEmulatedMedia", media="print", features=[dark])
    assert seen.ask(visible)
    assert seen.ask("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    link = "getComputedStyle(document.querySelector('.was')).getPropertyValue('--now').trim()"
    assert seen.ask(link) == "#1261b5"
    seen.call("Emulation.setEmulatedMedia", media="")
    assert len(seen.call("Page.printToPDF")["data"]) > 10_000


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_shown_and_do_nothing(
    seen: ChromiumPage, full_report, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "report.html"
    report = renamed(full_report, name)
    path.write_text(render([an_entry(report, name)] * 2), encoding="utf-8")
    seen.open(path, width=360)
    assert (seen.complaints, seen.requests) == ([], [])
    assert seen.ask("document.scripts.length") == 1
    assert seen.fits
