"""A server on this machine's loopback that gives a browser a few known files, and nothing else."""

from __future__ import annotations

import contextlib
import http.server
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".wasm": "application/wasm",
}
# Isolated pages have threads and a finer clock; the policy keeps a page from asking other places.
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'self' blob:; script-src 'self' blob: 'unsafe-inline' 'unsafe-eval'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_MOST_BYTES = 1 << 30
_IDLE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Site:
    """What is served: files and contents by their whole path, and where pages may post.

    ``posted`` takes what came, by path. ``address`` ends with a word that nobody can guess, since
    other users of the machine can reach the server too.
    """

    files: Mapping[str, Path | bytes]
    may_post: frozenset[str]
    word: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    posted: dict[str, bytes] = field(default_factory=dict)

    def at(self, path: str) -> Path | bytes | None:
        """Return what a request's path stands for: only what is named can be had."""
        return self.files.get(self._name(path))

    def take(self, path: str, content: bytes) -> bool:
        """Keep what was posted; False if nothing may be posted there."""
        if (name := self._name(path)) not in self.may_post:
            return False
        self.posted[name] = content
        return True

    def _name(self, path: str) -> str:
        start = f"/{self.word}/"
        return path.partition("?")[0][len(start) :] if path.startswith(start) else ""


@contextlib.contextmanager
def serving(site: Site) -> Iterator[str]:
    """Serve a site on a free port of 127.0.0.1 while this lasts; gives its address."""

    class Handler(_Handler):
        pass

    Handler.site = site
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/{site.word}/"
        finally:
            server.shutdown()
            thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    site: Site
    timeout = _IDLE_S
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with a known file, or with 404."""
        found = self.site.at(self.path)
        if found is None:
            self._answer(404, 0, "")
            return
        kind = _TYPES.get(Path(self.path).suffix, "application/octet-stream")
        with contextlib.suppress(ConnectionError):
            if isinstance(found, bytes):
                self._answer(200, len(found), kind)
                self.wfile.write(found)
                return
            self._answer(200, found.stat().st_size, kind)
            with found.open("rb") as opened:
                shutil.copyfileobj(opened, self.wfile)

    def do_POST(self) -> None:
        """Keep a body of at most 1 GiB that comes to a known place."""
        told = self.headers.get("Content-Length", "")
        size = int(told) if told.isdecimal() else _MOST_BYTES + 1
        if size > _MOST_BYTES:
            self.close_connection = True
            self._answer(413, 0, "")
            return
        content = self.rfile.read(size)
        whole = len(content) == size
        self._answer(200 if whole and self.site.take(self.path, content) else 404, 0, "")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _answer(self, code: int, size: int, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(size))
        if kind:
            self.send_header("Content-Type", kind)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
