"""Opens a file in headless Chromium, and tells what it asked for and complained of."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgekit.devices.browser.chromium import Chromium, running
from edgekit.devices.browser.devtools import DevTools

NOBODY = 9  # the port that requests of other hosts would go to
_COMPLAINTS = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")


class Browsed:
    """One page; ``events`` holds whatever the browser told of it since it was opened."""

    def __init__(self, tools: DevTools, session: str) -> None:
        self.tools, self.session = tools, session
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.tools.call(method, self.session, **parameters)

    def open(
        self, path: Path, *, width: int = 1440, dark: bool = False, scripts: bool = True
    ) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        self.tools.wait_for("Page.loadEventFired", timeout_s=60)

    def value(self, expression: str) -> Any:
        told = self.call("Runtime.evaluate", expression=expression, awaitPromise=True,
                         returnByValue=True)  # fmt: skip
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            text = {"text": key} if len(key) == 1 and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, **text)

    def shoot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    @property
    def requests(self) -> list[str]:
        asked = [one["params"]["request"]["url"] for one in self.events
                 if one.get("method") == "Network.requestWillBeSent"]  # fmt: skip
        return [url for url in asked[1:] if not url.startswith("data:")]

    @property
    def complaints(self) -> list[str]:
        return [str(one["params"]) for one in self.events if one.get("method") in _COMPLAINTS]


@contextlib.contextmanager
def browsing(browser: Chromium, folder: Path) -> Iterator[Browsed]:
    with running(browser, folder, port=NOBODY) as tools:
        targets = tools.call("Target.getTargets")["targetInfos"]
        page = next(one["targetId"] for one in targets if one["type"] == "page")
        found = Browsed(
            tools, tools.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        )
        note = tools._note

        def kept(message: dict[str, Any]) -> None:
            found.events.append(message)
            note(message)

        tools._note = kept  # type: ignore[method-assign]
        for domain in ("Runtime", "Page", "Network", "Log"):
            found.call(f"{domain}.enable")
        yield found
