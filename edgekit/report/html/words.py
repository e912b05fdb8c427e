"""Words of the page: names made short, commands in their type, and what was not collected."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

from edgekit.report import text
from edgekit.report.html.entry import Entry
from edgekit.report.html.pictures import work

_FROM_DETAILS = ("graph", "weights", "activations", "answers")
_PARTS = (*_FROM_DETAILS, "thumbnails", "class_names", "latency", "layers", "devices")
_LONG = 40
_MOST = 600
_LONGEST_COMMAND = 4000
_MOST_THUMBNAIL = 100_000
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


def short(name: str) -> str:
    """Return the first of the names that a converter joined, and its last parts if it is long."""
    shown = text.visible(name.partition(";")[0], most=300)
    while len(shown) > _LONG and "/" in shown:
        shown = shown.partition("/")[2]
    return text.visible(shown, most=60)


def shown(value: Any) -> Any:
    """Return what a template writes: a text on one line, nothing in it that is obeyed, not long."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return text.visible(value, most=_MOST)
    return value


def command(words: str) -> Markup:
    """Return a command as it may be copied: its line breaks stay; at most 4,000 characters."""
    return escape(text.printable(words, spare="\n")[:_LONGEST_COMMAND])


def thumbnail(content: str) -> Markup:
    """Return a picture's address; an empty picture for what is no base64 or is too long."""
    sound = len(content) <= _MOST_THUMBNAIL and _BASE64.fullmatch(content)
    return Markup("data:image/png;base64,") + (content if sound else "")


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
    bench = "`edgekit bench FILE -d DEVICE -o bench.json`"
    then = f"{bench}, then `edgekit report … --benchmark bench.json`"
    if not entry.devices:
        found["devices"] = f"figures of devices and time by operator: {then}"
    elif not any(work.on_device(one) for one in entry.devices):
        found["devices"] = f"time by operator, which none of these devices tells apart: {then}"
    return found
