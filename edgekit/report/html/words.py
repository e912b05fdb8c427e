"""Words of the page: names made short, commands in their type, and what was not collected."""

from __future__ import annotations

from markupsafe import Markup, escape

from edgekit.report import text
from edgekit.report.html.entry import Entry
from edgekit.report.html.pictures import work

_FROM_DETAILS = ("weights", "activations", "answers")
_PARTS = (*_FROM_DETAILS, "thumbnails", "latency", "layers", "devices")
_LONG = 40


def short(name: str) -> str:
    """Return the first of the names that a converter joined, and its last parts if it is long."""
    shown = text.visible(name.partition(";")[0], most=300)
    while len(shown) > _LONG and "/" in shown:
        shown = shown.partition("/")[2]
    return text.visible(shown, most=60)


def quoted(words: str) -> Markup:
    """Return a text whose parts between backticks are code."""
    parts = enumerate(words.split("`"))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in parts
    )


def missing(entry: Entry) -> dict[str, str]:
    """Say of each part that was not collected which option collects it; else it is empty."""
    report = entry.report
    why = "there is no details.json beside the report: convert again with this edgekit"
    found = dict.fromkeys(_PARTS, "")
    found |= entry.details.missing if entry.details else dict.fromkeys(_FROM_DETAILS, why)
    if report.latency is None:
        found["latency"] = "latency was not measured: leave --no-measure out"
    if report.layers is None:
        found["layers"] = "errors layer by layer were not compared: give --layers"
    then = (
        "`edgekit bench FILE -d DEVICE -o bench.json`, then `edgekit report … --devices bench.json`"
    )
    if not entry.devices:
        found["devices"] = f"figures of devices and time by operator: {then}"
    elif not any(work.on_device(one) for one in entry.devices):
        found["devices"] = f"time by operator, which none of these devices tells apart: {then}"
    return found
