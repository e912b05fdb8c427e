"""Speaks Chromium's DevTools protocol over a pair of pipes: no port is open to others."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections import deque
from typing import Any

import msgspec

from edgekit.errors import DeviceError

_END = b"\0"
_CRASHES = ("Inspector.targetCrashed", "Target.targetCrashed")
_KEPT_LINES = 50


class Gone(DeviceError):
    """The browser has ended, or has closed the conversation."""


class DevTools:
    """A conversation with a browser; ``console`` keeps the last lines that pages printed.

    Args:
        reading: A file descriptor on which the browser's messages arrive.
        writing: One for ours.
    """

    def __init__(self, reading: int, writing: int) -> None:
        self.console: deque[str] = deque(maxlen=_KEPT_LINES)
        self._reading, self._writing = reading, writing
        self._poll = select.poll()
        self._poll.register(reading, select.POLLIN)
        self._buffer, self._sent = bytearray(), 0

    def call(
        self, method: str, session: str = "", *, timeout_s: float = 30.0, **parameters: Any
    ) -> dict[str, Any]:
        """Return the result of a command.

        Args:
            method: Such as ``Page.navigate``.
            session: Of the page that it is for; the browser's own if empty.
            timeout_s: After which the browser counts as hung.
            parameters: Of the command.

        Raises:
            Gone: the browser has ended.
            DeviceError: it refuses, the page crashed, or no answer came in time.
        """
        self._sent += 1
        message: dict[str, Any] = {"id": self._sent, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self._send(msgspec.json.encode(message) + _END)
        end = time.monotonic() + timeout_s
        while (answer := self._next(end, f"{method} within {timeout_s:g} s")).get("id") != (
            self._sent
        ):
            pass
        if (error := answer.get("error")) is not None:
            raise DeviceError(f"the browser refuses {method}: {error.get('message', error)}")
        result: dict[str, Any] = answer.get("result", {})
        return result

    def wait_for(self, event: str, *, timeout_s: float) -> None:
        """Read on until an event comes.

        Raises:
            DeviceError: as ``call``.
        """
        end = time.monotonic() + timeout_s
        while self._next(end, f"{event} within {timeout_s:g} s").get("method") != event:
            pass

    def _send(self, content: bytes) -> None:
        try:
            while content:
                content = content[os.write(self._writing, content) :]
        except OSError as error:
            raise Gone("the browser ended") from error

    def _next(self, end: float, wanted: str) -> dict[str, Any]:
        """Return the next message; keep what pages print, and refuse to go on after a crash."""
        while (cut := self._buffer.find(_END)) < 0:
            left = end - time.monotonic()
            if left <= 0 or not self._poll.poll(1e3 * left):
                raise DeviceError(f"expected the browser to answer {wanted}, no answer came")
            received = b""
            with contextlib.suppress(OSError):
                received = os.read(self._reading, 1 << 16)
            if not received:
                raise Gone("the browser ended")
            self._buffer += received
        text = bytes(self._buffer[:cut])
        del self._buffer[: cut + 1]
        try:
            message: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise DeviceError(f"the browser said what is no message: {text[:80]!r}") from error
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method in _CRASHES:
            raise DeviceError("the page crashed, often for want of memory; try a smaller model")
        if method == "Runtime.consoleAPICalled":
            said = message["params"].get("args", [])
            words = [str(one.get("value", one.get("description", ""))) for one in said]
            self.console.append(" ".join(" ".join(words).split()))
