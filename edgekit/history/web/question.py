"""What a page's address asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from edgekit.errors import OptionError
from edgekit.history.run import METRICS, VERDICTS, Run, Selection

_SIZE = 100
_MOST_PAGES = 100_000


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which runs, which figure to plot, and how the list is ordered. Texts are as they came."""

    model: str = ""
    target: str = ""
    device: str = ""
    verdict: str = ""
    since: str = ""
    branch: str = ""
    metric: str = "latency_ms"
    order: str = "id"
    way: str = "down"
    page: int = 1
    size: int = _SIZE

    @classmethod
    def of(cls, query: str) -> Self:
        """Read a query.

        Raises:
            OptionError: it asks for what there is not.
        """
        try:
            pairs = parse_qsl(query, max_num_fields=20)
        except ValueError as error:
            raise OptionError("expected a query of at most 20 fields") from error
        # Forms spell every line break so; names from outside may have some.
        given = {name: value.replace("\r\n", "\n") for name, value in pairs}
        allowed = {name for name in cls.__dataclass_fields__ if name != "size"}
        if unknown := given.keys() - allowed:
            raise OptionError(f"no field {sorted(unknown)[0]!r}; there are {sorted(allowed)}")
        page = given.pop("page", "1")
        if not (page.isascii() and page.isdecimal() and 1 <= int(page[:9]) <= _MOST_PAGES):
            raise OptionError(f"page {page!r}: expected a number from 1")
        asked = replace(cls(page=int(page)), **given)  # type: ignore[arg-type]
        for name, known in (("metric", METRICS), ("order", Run.__dataclass_fields__),
                            ("way", ("up", "down")), ("verdict", ("", *VERDICTS))):  # fmt: skip
            if getattr(asked, name) not in known:
                raise OptionError(f"{name} {getattr(asked, name)!r}: expected {list(known)}")
        _ = asked.selection
        return asked

    @property
    def selection(self) -> Selection:
        """Which runs.

        Raises:
            OptionError: ``since`` is no day.
        """
        chosen: dict[str, Any] = {
            name: getattr(self, name) or None
            for name in ("model", "target", "device", "verdict", "branch")
        }
        try:
            since = datetime.fromisoformat(self.since).replace(tzinfo=UTC) if self.since else None
        except ValueError as error:
            raise OptionError(f"since {self.since!r}: expected a day, as 2026-11-30") from error
        return Selection(since=since, **chosen)

    @property
    def offset(self) -> int:
        """How many runs stand before the page."""
        return (self.page - 1) * self.size

    @property
    def descending(self) -> bool:
        """Whether the largest come first."""
        return self.way == "down"

    def sorted_by(self, field: str) -> str:
        """Return the address of the list ordered by a field; of the same one, the other way."""
        way = "up" if self.order == field and self.descending else "down"
        return replace(self, order=field, way=way, page=1).address

    def turned(self, pages: int) -> str:
        """Return the address of a page before or after."""
        return replace(self, page=self.page + pages).address

    def about(self, **fields: str) -> str:
        """Return the address of other runs, with the same figure and order."""
        return replace(self, page=1, **fields).address  # type: ignore[arg-type]

    @property
    def address(self) -> str:
        """The page's own address; what is as always is left out."""
        plain = type(self)()
        told = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if getattr(self, name) != getattr(plain, name)
        }
        return f"/?{urlencode(told)}" if told else "/"
