"""The pages in a real browser: they look right, ask nobody else, and can be used by everybody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from chromium_page import ChromiumPage, browsing, needs_browser
from kept_documents import EVIL, a_report

import edgekit
from edgekit.history import Origin
from edgekit.history.web import PageServer, serving

pytestmark = [pytest.mark.slow, needs_browser]
T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
_TOP_NUMBERS = "[...document.querySelectorAll('tbody tr')].map(r => r.cells[0].innerText).join()"
_HEADING = "[...document.querySelectorAll('th a')].find(a => a.innerText.startsWith('{}'))"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    place = tmp_path_factory.mktemp("served") / "runs.db"
    with edgekit.open_history(place, writes=True) as history:
        for day in range(12):
            report = a_report(("resnet8", EVIL)[day % 2], scale=(day * 5) % 12 + 1, passes=day != 4)
            history.record(report, Origin(host="ci"), time=T0 + timedelta(days=day))
    with edgekit.open_history(place) as history, serving(history, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def window(site: PageServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromiumPage]:
    with browsing(tmp_path_factory.mktemp("profile"), port=site.port) as opened:
        yield opened


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("path", ["", "run/5"])
def test_a_page_fits_its_window_and_nothing_goes_wrong(
    site: PageServer, window: ChromiumPage, width: int, dark: bool, path: str
) -> None:
    window.open(site.address + path, width=width, dark=dark)
    assert window.fits
    back = window.ask("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") != dark
    loaded = window.ask("performance.getEntriesByType('resource').map(e => e.name).join()")
    assert loaded == f"{site.address}style.css"
    assert window.ask("document.scripts.length") == 0
    if not path:
        assert window.ask("document.querySelector('svg .trend').getBBox().width") > 100
    assert window.complaints == []


def test_headings_sort_and_forms_filter(site: PageServer, window: ChromiumPage) -> None:
    window.open(site.address)
    assert window.ask(_TOP_NUMBERS).startswith("12,11,10")
    window.ask(f"{_HEADING.format('Latency')}.click()")
    window.loaded()
    times = [((day * 5) % 12, day + 1) for day in range(12)]
    slowest = ",".join(str(run) for _, run in sorted(times, reverse=True))
    assert window.ask(_TOP_NUMBERS) == slowest
    assert window.ask("document.querySelector('th[aria-sort]').innerText").startswith("Latency")
    window.ask(f"{_HEADING.format('Latency')}.click()")
    window.loaded()
    assert window.ask(_TOP_NUMBERS) == ",".join(str(run) for _, run in sorted(times))
    window.ask(
        "document.querySelector('[name=model]').value = 'resnet8', document.forms[0].submit()"
    )
    window.loaded()
    assert window.ask("document.querySelectorAll('tbody tr').length") == 6


def test_a_hostile_name_is_text(site: PageServer, window: ChromiumPage) -> None:
    window.open(site.address)
    assert "<script>alert(1)</script>" in window.ask("document.body.innerText")
    assert window.ask("document.querySelectorAll('script, b').length") == 0
    chosen = window.ask(
        "(s => { s.selectedIndex = [...s.options].findIndex(o => o.value.includes('alert'));"
        " s.form.submit(); })(document.querySelector('[name=model]'))"
    )
    assert chosen is None
    window.loaded()
    assert window.ask("document.querySelectorAll('tbody tr').length") == 6


@pytest.mark.parametrize("path", ["", "run/5", "nothing"])
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing(site: PageServer, window: ChromiumPage, path: str, dark: bool) -> None:
    window.open(site.address + path, dark=dark)
    assert window.violations() == []
