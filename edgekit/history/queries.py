"""What is asked of a history's tables."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, case, func, literal, select

from edgekit.history.run import DROP, HOST, METRICS, Point, Run, Selection, Series
from edgekit.history.tables import RUNS

MOST_POINTS = 20_000
"""Of a trend, over all its series."""

_FIELDS = [RUNS.c[name] for name in Run.__dataclass_fields__]
_MACHINE = case((RUNS.c.device == HOST, func.coalesce(RUNS.c.host, "")), else_="")
_SERIES = [RUNS.c.model, RUNS.c.target, RUNS.c.device, RUNS.c.kind, _MACHINE.label("machine")]


def runs_of(selection: Selection) -> Select[Any]:
    """Ask for the runs of a selection, in no order."""
    return _where(select(*_FIELDS), selection)


def ordered(query: Select[Any], field: str, *, descending: bool) -> Select[Any]:
    """Order runs by a field, what is not known last; those alike the newest first."""
    column = RUNS.c[field]
    if column.nullable:
        query = query.order_by(column.is_(None))
    query = query.order_by(column.desc() if descending else column.asc())
    return query if field == "id" else query.order_by(RUNS.c.id.desc())


def trends_of(metric: str, selection: Selection) -> Select[Any]:
    """Ask for the newest values of a figure, with the series that each belongs to."""
    column = RUNS.c[metric]
    unit = RUNS.c.drop_unit if metric == DROP else literal(METRICS[metric].unit)
    fields = [
        *_SERIES,
        unit.label("unit"),
        RUNS.c.id,
        RUNS.c.time,
        RUNS.c.verdict,
        column.label("value"),
    ]
    query: Select[Any] = select(*fields)
    query = _where(query, selection).where(column.is_not(None))
    return query.order_by(RUNS.c.id.desc()).limit(MOST_POINTS)


def values_of(field: str) -> Select[Any]:
    """Ask for what a field has been, in order."""
    return select(RUNS.c[field]).distinct().order_by(RUNS.c[field])


def run_of(row: Row[Any]) -> Run:
    """Return a row of ``runs_of``."""
    return Run(**row._mapping)


def by_series(rows: Any, limit: int) -> dict[Series, list[Point]]:
    """Return at most ``limit`` points of each series, from rows of ``trends_of``.

    The oldest come first, and series in the order of their names.
    """
    found: dict[Series, list[Point]] = {}
    for *names, number, time, verdict, value in rows:
        points = found.setdefault(_series(tuple(names)), [])
        if len(points) < limit:
            points.append(Point(run=number, time=time, value=value, verdict=verdict))
    return {name: found[name][::-1] for name in sorted(found)}


def _series(names: tuple[Any, ...]) -> Series:
    model, target, device, kind, machine, unit = names
    return Series(
        model=model, target=target, device=device, kind=kind, machine=machine, unit=unit or ""
    )


def _where(query: Select[Any], selection: Selection) -> Select[Any]:
    for name in ("kind", "model", "target", "device", "verdict", "branch"):
        if (wanted := getattr(selection, name)) is not None:
            query = query.where(RUNS.c[name] == storable(name, wanted))
    if selection.since is not None:
        query = query.where(RUNS.c.time >= selection.since)
    if selection.commit is not None:
        query = query.where(RUNS.c.commit.startswith(selection.commit, autoescape=True))
    return query


def storable(name: str, value: object) -> object:
    """Return a column's value as databases take it: texts are cut where columns end.

    Halves of surrogates, as in odd file names, and NUL are spelled out.
    """
    if not isinstance(value, str):
        return value
    text = value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    return text[: getattr(RUNS.c[name].type, "length", None)]
