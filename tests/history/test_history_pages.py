"""The pages, as a program sees them: what is answered to whom."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kept_documents import EVIL, a_benchmark, a_report

import edgekit
from edgekit.errors import OptionError
from edgekit.history import Origin
from edgekit.history.web import PageServer, serving
from edgekit.report.documents import written

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def site(place: str) -> Iterator[PageServer]:
    with edgekit.open_history(place, writes=True) as history:
        for day in range(3):
            time = T0 + timedelta(days=day)
            history.record(a_report(scale=3 - day, passes=day != 1), Origin(host="ci-1"), time=time)
        history.record(a_report(EVIL), Origin(branch=EVIL, host=EVIL), time=T0)
        history.record(a_report(EVIL), Origin(branch=EVIL, host=EVIL), time=T0)
        history.record(a_benchmark(), time=T0)
    with (
        edgekit.open_history(place) as history,
        serving(history, "127.0.0.1", 0, ["CI.example"]) as server,
    ):
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Answer:
    def __init__(self, got: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.text = got.status, got.headers, got.read().decode()


def ask(site: PageServer, path: str, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    try:
        connection.request(method, path, headers=headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def listed(answer: Answer) -> list[int]:
    assert answer.status == 200
    return [int(n) for n in re.findall(r'<td class="number"><a href="/run/(\d+)">', answer.text)]


def test_the_list_is_filtered_and_sorted(site: PageServer) -> None:
    assert listed(ask(site, "/")) == [8, 7, 6, 5, 4, 3, 2, 1]
    assert listed(ask(site, "/?model=resnet8&order=latency_ms&way=up")) == [3, 2, 1]
    assert listed(ask(site, "/?verdict=fail&model=resnet8&since=2026-03-02")) == [2]
    assert listed(ask(site, "/?page=2")) == []


def test_a_trend_is_drawn_with_the_runs_that_failed(site: PageServer) -> None:
    page = ask(site, "/?model=resnet8").text
    assert page.count("<svg") == 1
    assert 'class="mark fail"' in page
    assert "latency: 1.38 to 0.46 ms, -66.7 %, 3 runs" in page


def test_a_run_and_its_document_are_shown(site: PageServer) -> None:
    page = ask(site, "/run/2")
    assert "missed budget: latency_ms is 9, expected at most 1" in page.text
    document = ask(site, "/run/1/document.json")
    assert document.headers["Content-Type"] == "application/json"
    assert document.text.encode() == written(a_report(scale=3))


@pytest.mark.parametrize("path", ["/", "/run/4", "/?model=%3Cb%3E%22&branch=%27%3E%3Cscript%3E",
                                  "/?order=%3Cscript%3E", "/%3Cscript%3E", "/run/99"])  # fmt: skip
def test_nothing_from_outside_becomes_markup(site: PageServer, path: str) -> None:
    page = ask(site, path).text
    assert "<script" not in page
    assert "<b>" not in page
    assert "\x1b" not in re.sub(r' value="[^"]*"', "", page)
    assert not re.search(r"<[^>]*\son\w+=", page)


@pytest.mark.parametrize("path", ["/", "/run/1", "/run/1/document.json", "/nothing", "/style.css"])
def test_every_answer_forbids_scripts_frames_and_guessing(site: PageServer, path: str) -> None:
    headers = ask(site, path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
)  # fmt: skip
def test_nothing_can_be_changed(site: PageServer, method: str) -> None:
    answer = ask(site, "/run/1", method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert listed(ask(site, "/")) == [8, 7, 6, 5, 4, 3, 2, 1]


def test_head_is_answered_without_a_page(site: PageServer) -> None:
    answer = ask(site, "/", "HEAD")
    assert (answer.status, answer.text) == (200, "")
    assert int(answer.headers["Content-Length"]) > 1000


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:{}", 200), ("localhost", 200), ("LOCALHOST:{}", 200), ("[::1]:{}", 200),
     ("ci.example:9", 200), ("evil.example", 421), ("evil.example:{}", 421), ("", 421),
     ("127.0.0.1.evil.example", 421), ("localhost.", 421), ("evil.example:localhost", 421),
     ("[::1", 421)],
)  # fmt: skip
def test_only_known_names_are_answered(site: PageServer, host: str, status: int) -> None:
    answer = ask(site, "/", Host=host.format(site.port))
    assert answer.status == status
    assert ("resnet8" in answer.text) == (status == 200)


def test_two_names_or_a_whole_address_are_refused(site: PageServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    connection.putrequest("GET", "/", skip_host=True)
    for name in ("localhost", "evil.example"):
        connection.putheader("Host", name)
    connection.endheaders()
    assert connection.getresponse().status == 421
    connection.close()
    assert ask(site, "http://evil.example/", Host="localhost").status == 421


@pytest.mark.parametrize(
    "path",
    ["/?page=0", "/?page=x", "/?page=99999999999", "/?metric=latency", "/?way=left", "/?a=1",
     "/?since=today", "/run/999999999", "/?verdict=maybe",
     "/?" + "model=a&" * 50, "/?size=5", "/?order=document_id"],
)  # fmt: skip
def test_what_cannot_be_asked_is_said_on_a_page(site: PageServer, path: str) -> None:
    answer = ask(site, path)
    assert answer.status == 400
    assert "<h1>Bad Request</h1>" in answer.text


@pytest.mark.parametrize(
    "path", ["/nothing", "/run/", "/run/-1", "/run/1/x", "/templates/base.html", "/../pages.py"]
)
def test_there_are_no_other_pages(site: PageServer, path: str) -> None:
    assert ask(site, path).status == 404


@pytest.mark.parametrize("bind", ["no.such.host.invalid", "203.0.113.7", "x" * 300])
def test_an_address_that_is_not_ours_is_one_line(db: Path, bind: str) -> None:
    with (
        edgekit.open_history(db, writes=True) as history,
        pytest.raises(OptionError, match="cannot listen on"),
        serving(history, bind, 0),
    ):
        pass
