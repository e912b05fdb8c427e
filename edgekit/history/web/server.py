"""Serves pages of a history: GET and HEAD only, to those who ask by a name that is known."""

from __future__ import annotations

import contextlib
import http.server
import ipaddress
import socket
import socketserver
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from edgekit.errors import EdgekitError, OptionError, one_line
from edgekit.history.store import History
from edgekit.history.web.pages import Page, Pages
from edgekit.version import VERSION

_IDLE_S = 60.0
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
# Nothing but our own style sheet is loaded, nothing runs, and nobody may frame the page.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class PageServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Answers for the pages of a history, one thread a connection.

    Args:
        pages: That are shown.
        address: And port to listen on.
        names: By which the page may be asked for, as a Host header has them, without the port.
            Others are refused: a page of somebody else's whose name leads here (DNS rebinding)
            cannot read along.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, pages: Pages, address: tuple[str, int], names: frozenset[str]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)
        self.pages, self.names = pages, names

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    @property
    def address(self) -> str:
        """Where a browser on this machine finds it."""
        host = str(self.server_address[0])
        if ipaddress.ip_address(host).is_unspecified:
            host = "localhost"
        return f"http://{_bracketed(host)}:{self.port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of browsers that go away; what else fails is told as usual."""
        import sys

        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def serving(
    history: History, bind: str, port: int, hosts: Iterable[str] = ()
) -> Iterator[PageServer]:
    """Listen; requests are answered by ``serve_forever`` of what is given.

    Args:
        history: That is shown.
        bind: An address of this machine.
        port: 0 for one that is free.
        hosts: Further names by which the page may be asked for.

    Raises:
        OptionError: one cannot listen there.
    """
    names = frozenset(name.lower() for name in (*_LOOPBACK, _bracketed(bind), *hosts))
    try:
        server = PageServer(Pages(history), (bind, port), names)
    except (OSError, OverflowError, UnicodeError) as error:
        raise OptionError(
            f"cannot listen on {bind} port {port}: {one_line(error)}; "
            "give an address of this machine and a port that is free (0 takes any)"
        ) from error
    with server:
        yield server


class _Handler(http.server.BaseHTTPRequestHandler):
    server: PageServer
    timeout = _IDLE_S
    protocol_version = "HTTP/1.1"
    server_version = f"edgekit/{VERSION}"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with a page."""
        self._answer(self._page())

    def do_HEAD(self) -> None:
        """Answer as to GET, without the page."""
        self._answer(self._page())

    def _refuse(self) -> None:
        """Refuse whatever might change something."""
        self.close_connection = True  # its body is not read
        page = self.server.pages.message(
            HTTPStatus.METHOD_NOT_ALLOWED, "this page can only be read"
        )
        self._answer(page, Allow="GET, HEAD")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _refuse

    def _page(self) -> Page:
        pages = self.server.pages
        if not self._is_known() or not self.path.startswith("/"):
            return pages.message(
                HTTPStatus.MISDIRECTED_REQUEST,
                "asked for by a name that is not known here; `edgekit history serve "
                "--allow-host NAME` adds one",
            )
        try:
            return pages.at(self.path)
        except OptionError as error:
            return pages.message(HTTPStatus.BAD_REQUEST, str(error))
        except EdgekitError as error:
            return pages.message(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))

    def _is_known(self) -> bool:
        told = self.headers.get_all("Host") or []
        if len(told) != 1:
            return False
        host = told[0].strip().lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        return name in self.server.names

    def _answer(self, page: Page, **more: str) -> None:
        with contextlib.suppress(ConnectionError):
            self.send_response(page.status)
            headers = {**_HEADERS, "Content-Type": page.kind, **more}
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(page.content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(page.content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
