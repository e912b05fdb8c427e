"""What is on the pages: lists, trends and single runs, as HTML without scripts."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edgekit.history import listing
from edgekit.history.reasons import reasons
from edgekit.history.run import METRICS
from edgekit.history.store import History
from edgekit.history.web.chart import charted
from edgekit.history.web.question import Question
from edgekit.report import text

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent
_MOST_CHARTS = 12
_MOST_POINTS = 120
_LONGEST = 1000  # characters of a text
_HTML = "text/html; charset=utf-8"
# field -> heading, whether it is a number
_COLUMNS = {
    "id": ("Run", True), "time": ("Kept (UTC)", False), "model": ("Model", False),
    "target": ("Target", False), "device": ("Device", False), "score": ("Score", True),
    "accuracy_drop_pp": ("Drop", True), "latency_ms": ("Latency", True), "size_kib": ("Size", True),
    "peak_memory_mib": ("Memory", True), "branch": ("Branch", False), "verdict": ("Verdict", False),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Page:
    """What is answered."""

    content: bytes
    kind: str = _HTML
    status: HTTPStatus = HTTPStatus.OK


class Pages:
    """The pages of one history, asked for by path and query. Threads may share it."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._templates = _environment()

    def at(self, address: str) -> Page:
        """Return the page of a path and query; a page that says so where there is none.

        Raises:
            OptionError: the query asks for what cannot be.
            DestinationError: the history cannot be read.
        """
        parts = urlsplit(address)
        match parts.path.split("/")[1:]:
            case [""]:
                return self._index(Question.of(parts.query))
            case ["style.css"]:
                return Page(content=(_HERE / "style.css").read_bytes(), kind="text/css")
            case ["run", number] if _is_number(number):
                return self._run(int(number))
            case ["run", number, "document.json"] if _is_number(number):
                content = self._history.document(int(number))
                return Page(content=content, kind="application/json")
        return self.message(HTTPStatus.NOT_FOUND, "there is no such page")

    def message(self, status: HTTPStatus, said: str) -> Page:
        """Return a page with one line."""
        return self._page("message.html", status=status, said=said, title=status.phrase)

    def _index(self, asked: Question) -> Page:
        runs = self._history.runs(
            asked.selection, limit=asked.size + 1, offset=asked.offset, order=asked.order,
            descending=asked.descending,
        )  # fmt: skip
        trends = self._history.trends(asked.metric, asked.selection, limit=_MOST_POINTS)
        worth = {name: points for name, points in trends.items() if len(points) > 1}
        charts = [charted(asked.metric, *one) for one in list(worth.items())[:_MOST_CHARTS]]
        return self._page(
            "index.html", title="Runs", asked=asked, columns=_COLUMNS, metrics=METRICS,
            rows=[(run, _cells(run)) for run in runs[: asked.size]],
            more=len(runs) > asked.size, charts=charts, left_out=len(worth) - len(charts),
            choices={name: self._history.values(name) for name in ("model", "target", "device")},
        )  # fmt: skip

    def _run(self, number: int) -> Page:
        run, content = self._history.run(number), self._history.document(number)
        return self._page(
            "run.html", title=f"Run {number}", run=run, figures=list(listing.figures(run)),
            reasons=reasons(content),
        )  # fmt: skip

    def _page(self, template: str, *, status: HTTPStatus = HTTPStatus.OK, **told: Any) -> Page:
        shown = self._templates.get_template(template).render(place=self._history.place, **told)
        return Page(content=shown.encode("utf-8", "replace"), status=status)


def _cells(run: Any) -> dict[str, str]:
    """Return what the table shows of a run, by column."""
    shown = {
        "time": run.time.strftime("%Y-%m-%d %H:%M"),
        "score": None if run.score is None else text.score(run.score),
        "accuracy_drop_pp": listing.drop_of(run),
        "latency_ms": None if run.latency_ms is None else text.milliseconds(run.latency_ms),
        "size_kib": None if run.size_kib is None else text.kib(round(1024 * run.size_kib)),
        "peak_memory_mib": _mib(run.peak_memory_mib),
    }
    told = {name: shown.get(name, getattr(run, name)) for name in _COLUMNS}
    return {name: "" if value is None else text.visible(str(value)) for name, value in told.items()}


def _mib(size: float | None) -> str | None:
    return None if size is None else text.kib(round(2**20 * size))


def _is_number(part: str) -> bool:
    return part.isascii() and part.isdecimal() and len(part) < 10


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    made.filters["visible"] = lambda said: text.visible(said, most=_LONGEST)
    return made
