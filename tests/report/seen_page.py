"""Opens a report in headless Chromium; notes what it asks for and complains of."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgekit.devices.browser.chromium import Chromium, running
from edgekit.devices.browser.devtools import DevTools

NOBODY = 9
"""The port to which a page's requests of other hosts would go: nobody listens there."""


@dataclass
class Seen:
    """A page in a browser; ``events`` are all that the browser told of it."""

    tools: DevTools
    session: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.tools.call(method, self.session, **parameters)

    def show(self, path: Path, *, width: int, dark: bool = False, scripts: bool = True) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        self.tools.wait_for("Page.loadEventFired", timeout_s=30)

    def ask(self, expression: str, *, timeout_s: float = 300) -> Any:
        """Return what an expression gives; promises are waited for."""
        told = self.call("Runtime.evaluate", expression=expression, awaitPromise=True,
                         returnByValue=True, timeout_s=timeout_s)  # fmt: skip
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def picture(self, path: Path, *, whole: bool = True) -> None:
        taken = self.call("Page.captureScreenshot", captureBeyondViewport=whole, **(
            {"clip": {**self.size, "x": 0, "y": 0, "scale": 1}} if whole else {}
        ))  # fmt: skip
        path.write_bytes(base64.b64decode(taken["data"]))

    @property
    def size(self) -> dict[str, float]:
        content = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"width": content["width"], "height": content["height"]}

    @property
    def requests(self) -> list[str]:
        """Addresses that were asked for, but for the page itself and what it holds."""
        asked = [e["params"]["request"]["url"] for e in self.events
                 if e.get("method") == "Network.requestWillBeSent"]  # fmt: skip
        return [url for url in asked[1:] if not url.startswith("data:")]

    @property
    def complaints(self) -> list[str]:
        """Errors of scripts and whatever the console holds."""
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [str(e["params"]) for e in self.events if e.get("method") in kinds]


@contextlib.contextmanager
def browsing(browser: Chromium, folder: Path) -> Iterator[Seen]:
    """Give a page of a fresh browser."""
    with running(browser, folder, port=NOBODY) as tools:
        targets = tools.call("Target.getTargets")["targetInfos"]
        page = next(one["targetId"] for one in targets if one["type"] == "page")
        session = tools.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        seen = Seen(tools, session)
        note = tools._note

        def kept(message: dict[str, Any]) -> None:
            seen.events.append(message)
            note(message)

        tools._note = kept  # type: ignore[method-assign]
        for domain in ("Runtime", "Page", "Network", "Log"):
            tools.call(f"{domain}.enable", session)
        yield seen
