"""A page in a real browser: what it says, how it looks, what it asked for."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.devices.browser.chromium import Chromium, running
from edgekit.devices.browser.devtools import DevTools


@dataclass
class Tab:
    """The browser's first window."""

    tools: DevTools
    session: str

    def go(self, address: str) -> None:
        self.tools.call("Page.navigate", self.session, url=address)
        self.tools.wait_for("Page.loadEventFired", timeout_s=30.0)

    def ask(self, expression: str, **parameters: Any) -> Any:
        """Return what an expression gives; a promise is awaited."""
        told = self.tools.call(
            "Runtime.evaluate", self.session, expression=expression, returnByValue=True,
            awaitPromise=True, **parameters,
        )  # fmt: skip
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def looks(self, *, width: int, dark: bool) -> None:
        """Set the window's width, and the scheme that the user prefers."""
        self.tools.call(
            "Emulation.setDeviceMetricsOverride", self.session, width=width, height=900,
            deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        self.tools.call("Emulation.setScrollbarsHidden", self.session, hidden=True)
        scheme = "dark" if dark else "light"
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.tools.call("Emulation.setEmulatedMedia", self.session, features=features)

    def picture(self, path: Path) -> None:
        """Write the whole page as a PNG."""
        told = self.tools.call(
            "Page.captureScreenshot", self.session, captureBeyondViewport=True, format="png"
        )
        path.write_bytes(base64.b64decode(told["data"]))


@contextlib.contextmanager
def tab(browser: Chromium, folder: Path, port: int) -> Iterator[Tab]:
    folder.mkdir(exist_ok=True)
    with running(browser, folder, port=port) as tools:
        targets = tools.call("Target.getTargets")["targetInfos"]
        page = next(one["targetId"] for one in targets if one["type"] == "page")
        session = tools.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Inspector", "Runtime", "Page", "Log"):
            tools.call(f"{domain}.enable", session)
        yield Tab(tools, session)
