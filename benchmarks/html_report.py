"""The HTML report: ten artifacts on one page, written in a process of its own, and opened.

The artifacts are the targets of one model, converted with everything that a page can show (but for
samples' pictures); the time is that of ``edgekit report`` after the reports lie on disk, once as a
whole process and once without starting Python. Chromium opens the page from disk, if there is one.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import fixture
from benchmarks.processes import edgekit, middle, run, spread
from benchmarks.rows import Row

MOST_SECONDS, MOST_MIB, MOST_PAINT_S, MOST_ONE_S = 2.0, 5.0, 1.0, 0.3
TARGETS = (
    "tflite-int8", "tflite-dynamic", "tflite-fp16", "tflite-int16x8", "tflite-fp32",
    "openvino-int8", "openvino-fp32", "onnx-int8", "onnx-dynamic", "onnx-fp32",
)  # fmt: skip
_OPENED = 5
_NOBODY = 9  # a port where nobody listens
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def rows(repeats: int = 5) -> Iterator[Row]:
    """Yield the rows of the page."""
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as place:
        folder = Path(place)
        given = fixture.make(folder)
        targets = [word for name in TARGETS for word in ("--target", name)]
        run(edgekit("convert", str(given.model), *targets, "--calibration", str(given.data),
                    "--evaluate", str(given.data), "--layers", "--quiet", "--no-html",
                    "--output", str(folder / "out")))  # fmt: skip
        reports = [str(folder / "out" / "model" / name) for name in TARGETS]
        page = folder / "ten.html"
        command = edgekit("report", *reports, "--output", str(page))
        whole = [run(command) for _ in range(repeats)]
        yield Row(what="time: edgekit report of 10 artifacts, whole process", unit="s",
                  edgekit=middle(whole).seconds, bar=MOST_SECONDS, bar_on="figure",
                  note=spread(whole))  # fmt: skip
        yield _one(reports[0], repeats)
        yield Row(what="size: a page of 10 artifacts", unit="MiB", bar=MOST_MIB, bar_on="figure",
                  edgekit=page.stat().st_size / 2**20)  # fmt: skip
        yield _opened(page, folder)


def _one(report: str, repeats: int) -> Row:
    """Time what a conversion adds by writing the page of one artifact."""
    from edgekit.reporting import html_report

    html_report(report)  # imports, and the templates
    took = []
    for _ in range(repeats):
        began = time.perf_counter()
        html_report(report)
        took.append(time.perf_counter() - began)
    return Row(what="time: the page of one artifact, in a running process", unit="s",
               edgekit=statistics.median(took), bar=MOST_ONE_S, bar_on="figure",
               note=f"{min(took):.3f} to {max(took):.3f} s in {repeats} runs")  # fmt: skip


def _opened(page: Path, folder: Path) -> Row:
    """Time until Chromium paints the page."""
    from edgekit.devices.browser.chromium import found, running

    facts: Any = {"what": "first paint: a page of 10 artifacts in Chromium", "unit": "s",
                  "bar": MOST_PAINT_S, "bar_on": "figure"}  # fmt: skip
    browser = found()
    if browser is None:
        return Row(**facts, problem="no Chromium: edgekit devices install chromium-wasm")
    place = folder / "browser"
    place.mkdir()
    with running(browser, place, port=_NOBODY) as tools:
        targets = tools.call("Target.getTargets")["targetInfos"]
        own = next(one["targetId"] for one in targets if one["type"] == "page")
        session = tools.call("Target.attachToTarget", targetId=own, flatten=True)["sessionId"]
        tools.call("Page.enable", session)
        paints = [_painted(tools, session, page) for _ in range(_OPENED)]
    known = [paint / 1e3 for paint in paints if paint is not None]
    if not known:
        return Row(**facts, problem="Chromium did not say when it painted")
    note = f"{min(known):.2f} to {max(known):.2f} s, {len(known)} of {_OPENED} times told"
    return Row(**facts, edgekit=statistics.median(known), note=note)


def _painted(tools: Any, session: str, page: Path) -> float | None:
    """Return after how many ms something was painted; None if the browser does not tell."""
    tools.call("Page.navigate", session, url=page.as_uri())
    tools.wait_for("Page.loadEventFired", timeout_s=60.0)
    # A picture makes a browser without a window paint.
    tools.call("Page.captureScreenshot", session)
    told = tools.call("Runtime.evaluate", session, expression=_PAINT, returnByValue=True)
    value = told["result"].get("value")
    return None if value is None else float(value)
