"""What the page says of one artifact in one place: before, after, and how sure a change is."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from edgekit.comparing.html import moved
from edgekit.comparing.metrics import METRICS
from edgekit.comparing.result import Change, Difference
from edgekit.comparing.subject import Record
from edgekit.comparing.summary import change_said
from edgekit.report import text
from edgekit.report.html.outcome import Kind, Number
from edgekit.report.html.pictures import latency
from edgekit.report.html.table import Cell, Table, table

_MARKS = {
    "better": "▲ better",
    "worse": "▼ worse",
    "cannot tell": "? cannot tell",
    "same": "= same",
}
_CLASSES = {"better": "better", "worse": "worse", "cannot tell": "untold", "same": "same"}
_KINDS: dict[str, Kind] = {"better": "better", "worse": "worse", "same": "same"}
_FACTS = ("operators", "precision", "environment", "identity")
# The four numbers: of each, the first that is told on either side.
_FOUR = (
    ("Accuracy", ("score", "accuracy_drop_pp", "agreement", "sqnr_db", "parity_sqnr_db",
                  "same_top1_share")),
    ("Latency", ("latency_ms", "cycles", "instructions")),
    ("Size", ("size_kib",)),
    ("Memory", ("model_memory_mib", "ram_kib", "arena_kib", "peak_memory_mib",
                "peak_activation_kib")),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Section:
    """Everything that the template shows of one pair of records."""

    name: str
    before: str
    after: str
    story: str
    counts: tuple[tuple[str, str, int], ...]
    numbers: tuple[Number, ...]
    untold: tuple[tuple[str, str], ...]
    moved: Markup | None
    more_moved: int
    changed: Table | None
    same: Table | None
    latency: Markup | None
    no_latency: str
    facts: tuple[Table, ...]
    unchanged: tuple[str, ...]
    unknown: tuple[str, ...]


def section(
    names: tuple[str, str], pair: tuple[Record, Record], found: Sequence[Difference],
    changes: Sequence[Change],
) -> Section:  # fmt: skip
    """Return the section of two records, of the two subjects called ``names``."""
    counts = Counter(str(one.verdict) for one in found)
    moving = moved.moves(found)
    timed = _rows(pair)
    return Section(
        name=", ".join(text.visible(part, most=80) for part in pair[1].key),
        before=names[0],
        after=names[1],
        story=_story(counts, found),
        counts=tuple((_CLASSES[v], _MARKS[v], counts[v]) for v in _MARKS if counts[v]),
        numbers=tuple(_number(title, metrics, found) for title, metrics in _FOUR),
        untold=tuple(_untold(found)),
        moved=moved.draw(moving) if moving else None,
        more_moved=max(0, len(moving) - moved.MOST),
        changed=_figures("Figures that changed, or may have",
                         [one for one in found if one.verdict != "same"]),
        same=_figures("Figures that stayed the same",
                      [one for one in found if one.verdict == "same"], fold=0),
        latency=latency.draw(timed) if timed else None,
        no_latency="raw samples of both sides: `edgekit bench A B --rounds 20 -o FILE` measures "
        "them in turns, then `edgekit compare 'FILE#A' 'FILE#B'`",
        facts=tuple(_facts(changes)),
        unchanged=tuple(_unchanged(pair, changes)),
        unknown=tuple(f"{kind}: one of the documents does not tell" for kind in _FACTS
                      if (kind in pair[0].facts) != (kind in pair[1].facts)),
    )  # fmt: skip


def _story(counts: Counter[str], found: Sequence[Difference]) -> str:
    """Say in one or two sentences what got worse, what better, and how many cannot be told."""
    said = []
    for verdict in ("worse", "better"):
        names = [one.metric for one in found if one.verdict == verdict]
        if names:
            said.append(f"{verdict.capitalize()}: {text.brief(names, most=6)}.")
    if not said:
        said.append("Nothing is shown to be better or worse.")
    words = {"cannot tell": "cannot be told", "same": "stayed the same"}
    rest = [f"{counts[one]} {said_so}" for one, said_so in words.items() if counts[one]]
    if rest:
        said.append(f"Of {len(found)} figures {', '.join(rest)}.")
    return " ".join(said)


def _number(title: str, metrics: Sequence[str], found: Sequence[Difference]) -> Number:
    by = {one.metric: one for one in found}
    one = next((by[name] for name in metrics if name in by), None)
    if one is None:
        return Number(title=title, missing="neither side tells")
    return Number(
        title=f"{title} ({one.metric})", was=_with_unit(one.before, one.unit),
        now=_with_unit(one.after, one.unit), change=_change(one),
        kind=_KINDS.get(one.verdict, "unknown"), note=f"{METRICS[one.metric].what}; {one.basis}",
        missing=f"cannot tell: {one.reason}" if one.verdict == "cannot tell" else "",
    )  # fmt: skip


def _change(one: Difference) -> str:
    if one.verdict == "same" or one.change is None:
        return "the same" if one.verdict == "same" else ""
    change, _, interval = change_said(one).partition("\n")
    return f"{change} ({interval} {one.unit}".rstrip() + ")" if interval else change


def _with_unit(value: float | None, unit: str) -> str:
    return "" if value is None else text.figure(value, unit)


def _untold(found: Sequence[Difference]) -> Iterator[tuple[str, str]]:
    """Yield each reason why something cannot be told, with the figures concerned."""
    by: dict[str, list[str]] = {}
    for one in found:
        if one.verdict == "cannot tell":
            by.setdefault(one.reason, []).append(one.metric)
    for reason, names in by.items():
        yield ", ".join(names), reason


def _figures(caption: str, found: Sequence[Difference], *, fold: int = 40) -> Table | None:
    rows = (
        (one.metric, METRICS[one.metric].group, one.unit or "-", _cell(one.before),
         _cell(one.after), _cell(one.change, signed=True),
         _cell(None if one.share is None else 100 * one.share, signed=True), _interval(one),
         _MARKS[one.verdict], one.basis, one.method)
        for one in found
    )  # fmt: skip
    heading = ("figure", "of", "unit", "before", "after", "change", "change, %", "interval",
               "verdict", "basis", "how")  # fmt: skip
    return table(caption, heading, rows, fold=fold)


def _cell(value: float | None, *, signed: bool = False) -> Cell:
    shown = text.figure(value)
    finite = value is not None and math.isfinite(value)
    if signed and value is not None and finite and value > 0:
        shown = f"+{shown}"
    return Cell(shown=shown, number=value if finite else None)


def _interval(one: Difference) -> str:
    if one.low is None or one.high is None:
        return "-"
    if one.low == one.high:
        return "exact"
    return f"{text.figure(one.low)} to {text.figure(one.high)}"


def _rows(pair: tuple[Record, Record]) -> list[latency.Row]:
    """Return the samples of both sides; nothing where one has none."""
    timings = [record.figures[name].timing for record in pair for name in ("latency_ms",)
               if name in record.figures]  # fmt: skip
    samples = [timing.samples_ms for timing in timings if timing is not None and timing.samples_ms]
    if len(samples) < 2:
        return []
    return [
        latency.Row(name="before", samples_ms=samples[0], now=False),
        latency.Row(name="after", samples_ms=samples[1]),
    ]


def _facts(changes: Sequence[Change]) -> Iterator[Table]:
    for kind, group in itertools.groupby(changes, lambda one: one.kind):
        rows = ((one.name, one.before or "none", one.after or "none") for one in group)
        if found := table(f"{kind.capitalize()} that changed", ("", "before", "after"), rows):
            yield found


def _unchanged(pair: tuple[Record, Record], changes: Sequence[Change]) -> Iterator[str]:
    changed = {one.kind for one in changes}
    for kind in _FACTS:
        if all(kind in record.facts for record in pair) and kind not in changed:
            yield f"{kind.capitalize()}: the same."
