"""The small functions behind the page's pictures and tables."""

from __future__ import annotations

import dataclasses
import math
import sys
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgekit.auditing import AuditResult
from edgekit.report.budgets import budgets
from edgekit.report.html import outcome
from edgekit.report.html.front import pareto
from edgekit.report.html.pictures import islands, laid, latency, work
from edgekit.report.html.pictures.axis import over
from edgekit.report.html.pictures.canvas import Canvas, fitting
from edgekit.report.html.table import Cell, table
from edgekit.report.html.words import quoted, short
from edgekit.report.model import Report
from edgekit.report.text import visible

FIGURES = st.floats(-1e6, 1e6)
POINTS = st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=12)


@given(POINTS)
def test_the_front_holds_exactly_what_no_point_beats(points: list[tuple[int, ...]]) -> None:
    def beats(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
        return a != b and all(x <= y for x, y in zip(a, b, strict=True))

    expected = [not any(beats(other, point) for other in points) for point in points]
    assert pareto(points) == expected
    assert any(expected) or not points


def test_what_is_not_known_is_not_on_the_front() -> None:
    assert pareto([(math.nan, 0.0), (1.0, 1.0)]) == [False, True]


@given(st.lists(FIGURES, min_size=1, max_size=8), st.booleans())
@example([1.0, 1e-308], True)
def test_figures_lie_within_their_axis_in_order(figures: list[float], log: bool) -> None:
    scale = over(figures, 10, 110, log=log)
    places = [scale(figure) for figure in sorted(figures)]
    assert places == sorted(places)
    assert all(10 <= place <= 110 for place in places)
    values = [value for value, _ in scale.ticks()]
    assert 1 <= len(values) <= 60
    assert all(10 - 1e-6 <= scale(value) <= 110 + 1e-6 for value in values)


@given(st.floats(1e-6, 1e6), st.floats(1.0, 1e4))
def test_an_axis_by_ratios_has_marks(low: float, ratio: float) -> None:
    assert len(over([low, low * ratio], 0, 100, log=True).ticks()) >= 1


@given(st.text(max_size=40), st.floats(0, 300))
def test_what_is_written_in_a_box_fits_it(words: str, width: float) -> None:
    shown = fitting(words, width)
    assert shown == visible(words, most=300) or len(shown) * 6.6 <= width + 8.6


@given(st.text(max_size=60))
def test_a_picture_is_xml_whatever_it_says(words: str) -> None:
    canvas = Canvas(10, 10, words)
    canvas.say(1, 1, words, tip=words)
    canvas.say_within(0, 0, 200, 20, words, "on-light")
    root = ElementTree.fromstring(canvas.svg())
    assert root.get("aria-label") == visible(words, most=600)
    (said,) = (e for e in root if e.tag == "text")
    assert said.text in (visible(words, most=60) or None, visible(words, most=60))


def test_columns_of_numbers_stand_right_and_are_sorted_by_number() -> None:
    found = table("t", ("a", "b", "c"), [("x", 1, None), ("y", 2.5, 3), (Cell(shown="z"), 4, 5)])
    assert found is not None
    assert found.numeric == {1, 2}
    assert [row[1].number for row in found.rows] == [1, 2.5, 4]
    assert table("t", ("a",), []) is None


def test_commands_are_set_as_code_and_the_rest_is_escaped() -> None:
    assert quoted("a `<b>` <c>") == "a <code>&lt;b&gt;</code> &lt;c&gt;"


def test_joined_names_are_made_short() -> None:
    assert short("a/b;c/d") == "a/b"
    assert short("/".join(["deep"] * 20)).count("/") < 10


def test_the_story_says_gain_loss_and_place(full_report: Report) -> None:
    said = outcome.story(full_report)
    assert said.startswith("The file is 3.21x smaller than the float file and 1.42x slower")
    assert "500 samples cannot tell a loss or gain; the drop is 0.40 pp [-0.61, 1.40]" in said
    assert said.endswith("Most of the error arises at dense.")
    worse = dataclasses.replace(full_report.evaluation, drop_low_pp=0.1)
    assert "show a loss" in outcome.story(dataclasses.replace(full_report, evaluation=worse))
    assert "not measured" in outcome.story(dataclasses.replace(full_report, evaluation=None))


def test_budgets_name_limit_and_figure(full_report: Report) -> None:
    budget = dataclasses.replace(full_report.target.budget, size_kib=50.0, sqnr_db=20.0)
    target = dataclasses.replace(full_report.target, budget=budget)
    missed = dataclasses.replace(full_report, target=target, missed_budgets=("size_kib: expected",))
    found = list(budgets(missed))
    assert [(b.name, b.said, b.kept) for b in found] == [
        ("size_kib", "at most 50", False), ("sqnr_db", "at least 20", True),
    ]  # fmt: skip
    assert [b.line for b in found] == [
        "size_kib: expected at most 50, got 97.59", "sqnr_db: expected at least 20, got 31.25",
    ]  # fmt: skip


def test_a_graph_marks_islands_and_joins_neighbours_in_long_files(full_report: Report) -> None:
    audit = full_report.audit
    conv, soft = audit.operators
    assert [(b.sort, b.island) for b in islands.blocks(audit)] == [("integer", 0), ("island", 1)]
    alike = dataclasses.replace(soft, index=2)  # of the same layer and kind, in no island
    found = islands.blocks(dataclasses.replace(audit, operators=(conv, soft, alike)))
    assert [b.sort for b in found] == ["integer", "island", "float"]
    many = dataclasses.replace(audit, operators=(*[conv] * 50, soft, *[conv] * 50))
    found = islands.blocks(many)
    assert [(b.sort, len(b.operators)) for b in found] == [
        ("integer", 50), ("island", 1), ("integer", 50),
    ]  # fmt: skip
    assert islands.words(found[0]) == "50 operators: CONV_2D x50"


def test_arcs_are_what_passes_blocks_by(full_report: Report) -> None:
    conv, soft = full_report.audit.operators
    chain = tuple(dataclasses.replace(conv, index=at) for at in range(4))
    audit = dataclasses.replace(full_report.audit, operators=chain)
    edges = [(0, 1), (1, 2), (2, 3), (0, 3), (9, 2)]
    found = islands.blocks(audit)
    assert islands.joined(found, edges) == [(0, 1), (0, 3), (1, 2), (2, 3)]
    drawn = islands.draw(found, edges)
    assert (drawn.count('class="flow"'), drawn.count('class="arc"')) == (3, 1)
    many = (*(dataclasses.replace(conv, index=at) for at in range(50)),
            dataclasses.replace(soft, index=50), dataclasses.replace(conv, index=51))  # fmt: skip
    island = dataclasses.replace(full_report.audit.float_islands[0], indices=(50,))
    audit = dataclasses.replace(audit, operators=many, float_islands=(island,))
    found = islands.blocks(audit)
    assert islands.joined(found, [(0, 1), (49, 50), (50, 51), (3, 51)]) == [(0, 1), (0, 2), (1, 2)]


def a_graph(report: Report, count: int, soft_at: int) -> AuditResult:
    """Return an audit of a chain with one float island."""
    conv, soft = report.audit.operators
    island = dataclasses.replace(report.audit.float_islands[0], indices=(soft_at,))
    chain = tuple(
        dataclasses.replace(soft if at == soft_at else conv, index=at) for at in range(count)
    )
    return dataclasses.replace(report.audit, operators=chain, float_islands=(island,))


def test_a_small_graph_is_laid_out_with_its_islands(full_report: Report) -> None:
    pytest.importorskip("fast_sugiyama")
    audit = a_graph(full_report, 5, 2)
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 3)]
    drawn = laid.draw(audit, edges)
    assert drawn is not None
    root = ElementTree.fromstring(drawn)
    kinds = [
        one.get("class") for one in root.iter() if (one.get("class") or "").startswith("block")
    ]
    ends = [kind for kind in kinds if kind == "block end"]
    assert kinds.count("block integer") == 4
    assert kinds.count("block island") == 1
    lines = [one for one in root.iter() if one.get("class") == "arc"]
    assert len(lines) == len(edges) + len(ends)
    said = "".join(root.itertext())
    assert "island 1: 2 SOFTMAX" in said
    low = min(float(one.get("y") or 0) for one in root.iter() if one.get("class") in kinds)
    assert low > float((root.get("viewBox") or "").split()[1])
    assert drawn == laid.draw(audit, edges)


def test_edges_that_cannot_be_are_not_drawn(full_report: Report) -> None:
    pytest.importorskip("fast_sugiyama")
    audit = a_graph(full_report, 4, 2)
    sound = [(0, 1), (1, 2), (2, 3)]
    drawn = laid.draw(audit, [*sound, (3, 0), (1, 1), (2, 99), (-1, 2), *[(0, 1)] * 50])
    assert drawn is not None
    lines = str(drawn).count('class="arc"')
    assert lines <= len(sound) + 2


def test_other_graphs_are_drawn_in_blocks(full_report: Report, monkeypatch) -> None:
    audit = a_graph(full_report, 4, 2)
    assert laid.draw(audit, []) is None
    assert laid.draw(a_graph(full_report, laid.MOST + 1, 2), [(0, 1)]) is None
    monkeypatch.setitem(sys.modules, "fast_sugiyama", None)
    assert laid.draw(audit, [(0, 1), (1, 2), (2, 3)]) is None


@pytest.mark.parametrize("many", [1, 3, 10_000])
def test_latencies_are_drawn_in_bounded_size(many: int) -> None:
    row = latency.Row(name="a", samples_ms=tuple(1 + at / many for at in range(many)))
    assert len(latency.draw([row])) < 10_000


def test_work_by_operator_adds_up(full_report: Report) -> None:
    found = work.by_macs(full_report)
    assert found is not None
    assert found.total == full_report.audit.macs
    assert "CONV_2D 100%" in work.draw(found)
