"""Lets a page in a browser run one job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.cpu import system_text
from edgekit.devices.browser.chromium import running
from edgekit.devices.browser.devtools import DevTools
from edgekit.devices.browser.job import Answer, Job, Refusal, arrays_of, decoded
from edgekit.devices.browser.kit import Kit
from edgekit.devices.browser.site import Site, serving
from edgekit.errors import DeviceError
from edgekit.files import scratch

TIMEOUT_S = 900.0
_OUTPUTS = "job/outputs"
_GRAVE = ("ERROR:", "[E:onnxruntime")  # how the runtimes' own errors begin in a page's console
_RUN = "import('./page.js').then((page) => page.run())"


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What came of a job: the page's answer, its outputs by batch, the browser's version.

    ``peak_kib`` is the most memory that the page's process has held; None if that cannot be told.
    """

    answer: Answer
    outputs: Sequence[Sequence[NDArray[Any]]]
    browser: str
    sandboxed: bool
    peak_kib: float | None


def visit(kit: Kit, artifact: Artifact, job: Job, inputs: bytes) -> Visit:
    """Run a job in a fresh browser.

    Raises:
        DeviceError: the browser cannot be started, ended, crashed, or took more than 15 minutes.
    """
    browser = kit.browser()
    model: dict[str, Any] = {"job/model": artifact.path, "job/inputs": inputs}
    files = {**kit.files(), **model, "job/job.json": job.encode()}
    site = Site(files=files, may_post=frozenset({_OUTPUTS}))
    with scratch() as folder, serving(site) as address:
        port = urlsplit(address).port or 0
        with running(browser, folder, port=port) as tools:
            version = str(tools.call("Browser.getVersion").get("product", "?"))
            answer = _asked(tools, address + "index.html")
            peak = _peak_kib(tools)
    outputs = [] if answer.error else arrays_of(answer.outputs, site.posted.get(_OUTPUTS, b""))
    return Visit(
        answer=answer, outputs=outputs, browser=version, sandboxed=browser.sandboxed, peak_kib=peak
    )


def _asked(tools: DevTools, address: str) -> Answer:
    """Open the page in the browser's first window, and let it run its job."""
    targets = tools.call("Target.getTargets").get("targetInfos", [])
    pages = [one["targetId"] for one in targets if one.get("type") == "page"]
    if not pages:
        raise DeviceError("expected the browser to open a page, it did not")
    session = tools.call("Target.attachToTarget", targetId=pages[0], flatten=True)["sessionId"]
    for domain in ("Inspector", "Runtime", "Page"):
        tools.call(f"{domain}.enable", session)
    tools.call("Page.navigate", session, url=address)
    tools.wait_for("Page.loadEventFired", timeout_s=30.0)
    told = tools.call(
        "Runtime.evaluate", session, expression=_RUN, awaitPromise=True, returnByValue=True,
        timeout_s=TIMEOUT_S,
    )  # fmt: skip
    if (wrong := told.get("exceptionDetails")) is not None:
        said = wrong.get("exception", {}).get("description", wrong.get("text", "?"))
        raise DeviceError(f"the page failed: {' '.join(str(said).split())[:300]}")
    return _with_console(decoded(str(told["result"].get("value", ""))), tools)


def _with_console(answer: Answer, tools: DevTools) -> Answer:
    """Add what the runtime printed: its errors often say nothing.

    LiteRT.js also goes on after errors, with outputs that mean nothing: they count as a failure.
    """
    said = [line for line in dict.fromkeys(tools.console) if line.startswith(_GRAVE)][-2:]
    error = answer.error
    if error is None and not said:
        return answer
    stage, text = (error.stage, error.text) if error else ("inference", "")
    told = "; ".join(filter(None, [" ".join(text.split()), *said]))
    return replace(answer, error=Refusal(stage=stage, text=told[:600]))


def _peak_kib(tools: DevTools) -> float | None:
    """Return the peak of the largest process that renders pages."""
    told = tools.call("SystemInfo.getProcessInfo").get("processInfo", [])
    pages = [one["id"] for one in told if one.get("type") == "renderer"]
    lines = [
        line for page in pages for line in system_text(f"/proc/{page}/status").splitlines()
        if line.startswith("VmHWM:")
    ]  # fmt: skip
    return max((float(line.split()[1]) for line in lines), default=None)
