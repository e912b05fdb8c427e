"""One page in headless Chromium: what it says, how it looks, what it asks for and complains of."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edgekit.devices.browser.chromium import found, running
from edgekit.devices.browser.devtools import DevTools

NOBODY = 9
"""The port to which a page's requests of other hosts would go: nobody listens there."""

BROWSER = found()
needs_browser = pytest.mark.skipif(
    BROWSER is None,
    reason="needs a Chromium: edgekit devices install chromium-wasm, or one in PATH",
)
_COMPLAINTS = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")


@dataclass
class ChromiumPage:
    """The browser's first window; ``events`` are all that it told since a page was opened."""

    tools: DevTools
    session: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.tools.call(method, self.session, **parameters)

    def open(
        self, place: Path | str, *, width: int = 1440, dark: bool = False, scripts: bool = True
    ) -> None:
        """Open a file or an address in a window of a width, for a user who prefers a scheme."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.events.clear()
        self.call("Page.navigate", url=place.as_uri() if isinstance(place, Path) else place)
        self.loaded()

    def loaded(self) -> None:
        """Wait until a page has been loaded."""
        self.tools.wait_for("Page.loadEventFired", timeout_s=60)

    def ask(self, expression: str, *, timeout_s: float = 300) -> Any:
        """Return what an expression gives; promises are waited for."""
        told = self.call("Runtime.evaluate", expression=expression, awaitPromise=True,
                         returnByValue=True, timeout_s=timeout_s)  # fmt: skip
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def press(self, key: str, **more: Any) -> None:
        """Press a key and let it go; one character is typed."""
        typed = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **(typed | more))
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Write the window, or the whole page, as a PNG."""
        clip = {"clip": {**self.size, "x": 0, "y": 0, "scale": 1}} if whole else {}
        taken = self.call("Page.captureScreenshot", captureBeyondViewport=whole, **clip)
        path.write_bytes(base64.b64decode(taken["data"]))

    def violations(self) -> list[Any]:
        """Return what axe-core finds, with everything unfolded; skip the test without it."""
        spec = importlib.util.find_spec("axe_core_python")
        if spec is None or spec.origin is None:
            pytest.skip("needs axe-core: pip install axe-core-python")
        axe = Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8")
        self.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
        told = self.ask(
            "(async () => {" + axe + "; const told = await axe.run(); return told.violations.map("
            "v => [v.id, v.nodes.map(n => n.html.slice(0, 120))]); })()"
        )
        assert isinstance(told, list)
        return told

    @property
    def fits(self) -> bool:
        """Whether nothing is wider than the window."""
        return bool(self.ask("document.documentElement.scrollWidth <= innerWidth"))

    @property
    def size(self) -> dict[str, float]:
        content = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"width": content["width"], "height": content["height"]}

    @property
    def requests(self) -> list[str]:
        """Addresses that were asked for, but for the page itself and what it holds."""
        asked = [one["params"]["request"]["url"] for one in self.events
                 if one.get("method") == "Network.requestWillBeSent"]  # fmt: skip
        return [url for url in asked[1:] if not url.startswith("data:")]

    @property
    def complaints(self) -> list[str]:
        """Errors of scripts and whatever the console holds."""
        return [str(one["params"]) for one in self.events if one.get("method") in _COMPLAINTS]


@contextlib.contextmanager
def browsing(folder: Path, *, port: int = NOBODY) -> Iterator[ChromiumPage]:
    """Give a page of a fresh browser, which reaches this machine's ``port`` and nothing else."""
    assert BROWSER is not None
    folder.mkdir(exist_ok=True)
    with running(BROWSER, folder, port=port) as tools:
        targets = tools.call("Target.getTargets")["targetInfos"]
        first = next(one["targetId"] for one in targets if one["type"] == "page")
        session = tools.call("Target.attachToTarget", targetId=first, flatten=True)["sessionId"]
        page = ChromiumPage(tools, session)
        note = tools._note

        def kept(message: dict[str, Any]) -> None:
            page.events.append(message)
            note(message)

        tools._note = kept  # type: ignore[method-assign]
        for domain in ("Inspector", "Runtime", "Page", "Network", "Log"):
            page.call(f"{domain}.enable")
        yield page
