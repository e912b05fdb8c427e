"""The server that a page asks."""

from __future__ import annotations

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from edgekit.devices.browser.site import Site, serving


@pytest.fixture
def site(tmp_path: Path) -> Site:
    inside = tmp_path / "inside.js"
    inside.write_text("1")
    (tmp_path / "outside").write_text("secret")
    files = {"inside.js": inside, "job/inputs": b"\x00\x01"}
    return Site(files=files, may_post=frozenset({"job/outputs"}))


def asked(address: str, method: str, path: str, body: bytes = b"", length: str | None = None):
    place = urlsplit(address)
    link = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
    link.putrequest(method, path, skip_accept_encoding=True)
    link.putheader("Content-Length", str(len(body)) if length is None else length)
    link.endheaders(body)
    answer = link.getresponse()
    content = answer.read()
    link.close()
    return answer.status, content, dict(answer.getheaders())


def test_known_files_are_served_to_isolated_pages(site: Site) -> None:
    with serving(site) as address:
        start = urlsplit(address).path
        code, content, headers = asked(address, "GET", f"{start}inside.js")
        assert (code, content, headers["Content-Type"]) == (200, b"1", "text/javascript")
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert asked(address, "GET", f"{start}job/inputs")[:2] == (200, b"\x00\x01")
        assert urlsplit(address).hostname == "127.0.0.1"


@pytest.mark.parametrize(
    "path",
    [
        "{start}../outside", "{start}outside", "{start}%2e%2e/outside", "{start}", "/inside.js",
        "/wrong/inside.js", "{start}/inside.js", "//etc/passwd", "{start}job", "http://x/inside.js",
    ],
)  # fmt: skip
def test_nothing_else_is_served(site: Site, path: str) -> None:
    with serving(site) as address:
        code, content, _ = asked(address, "GET", path.format(start=urlsplit(address).path))
    assert (code, content) == (404, b"")


def test_bodies_are_taken_at_known_places_alone(site: Site) -> None:
    with serving(site) as address:
        start = urlsplit(address).path
        assert asked(address, "POST", f"{start}job/outputs", b"abc")[0] == 200
        assert asked(address, "POST", f"{start}inside.js", b"abc")[0] == 404
        assert asked(address, "POST", "/job/outputs", b"abc")[0] == 404
        assert asked(address, "POST", f"{start}job/outputs", length=str(1 << 40))[0] == 413
        assert asked(address, "POST", f"{start}job/outputs", length="x")[0] == 413
    assert site.posted == {"job/outputs": b"abc"}
