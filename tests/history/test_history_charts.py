"""Addresses of pages, and where the points of a trend lie."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.errors import OptionError
from edgekit.history import METRICS, Point, Series
from edgekit.history.plot import plots
from edgekit.history.web.chart import HEIGHT, WIDTH, charted
from edgekit.history.web.question import Question

SERIES = Series(model="a", target="b", device="host", kind="conversion", machine="ci")
VALUES = st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=120)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20).filter(lambda text: "\r" not in text)


def points(values: list[float]) -> list[Point]:
    time = datetime(2026, 3, 1, tzinfo=UTC)
    return [Point(run=at, time=time, value=v, verdict="pass") for at, v in enumerate(values)]


@given(values=VALUES, metric=st.sampled_from(sorted(METRICS)))
def test_every_point_lies_within_the_frame_and_more_is_higher(
    values: list[float], metric: str
) -> None:
    chart = charted(metric, SERIES, points(values))
    assert all(chart.left <= mark.x <= WIDTH and 0 <= mark.y <= HEIGHT for mark in chart.marks)
    ranked = sorted(zip(values, chart.marks, strict=True), key=lambda pair: pair[0])
    heights = [mark.y for _, mark in ranked]
    assert heights == sorted(heights, reverse=True)
    assert [mark.x for mark in chart.marks] == sorted(mark.x for mark in chart.marks)


@pytest.mark.parametrize("values", [[1.0], [0.0, 0.0], [-1.0, 1.0], [1e-9, 1e9], [5.0] * 200])
def test_plots_in_the_terminal_fit_80_columns(values: list[float]) -> None:
    (plot,) = plots("latency_ms", {SERIES: points(values)})
    assert max(map(len, plot.splitlines())) <= 80
    assert "\x1b" not in plot


@given(model=TEXTS, branch=TEXTS, order=st.sampled_from(["id", "latency_ms", "model"]),
       way=st.sampled_from(["up", "down"]), page=st.integers(1, 1000))  # fmt: skip
def test_the_address_of_a_question_asks_it_again(
    model: str, branch: str, order: str, way: str, page: int
) -> None:
    asked = Question(model=model, branch=branch, order=order, way=way, page=page)
    assert Question.of(urlsplit(asked.address).query) == asked


@given(query=st.text(max_size=60))
def test_any_query_is_a_question_or_one_line(query: str) -> None:
    try:
        said = Question.of(query).address
    except OptionError as error:
        said = str(error)
    assert "\n" not in said
