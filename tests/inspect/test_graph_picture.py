"""The graph as a picture in a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from branches import HOSTILE
from chromium_page import ChromiumPage, browsing, needs_browser
from hypothesis import example, given
from hypothesis import strategies as st

import edgekit
from edgekit.devices.figures import DeviceMeasurement, MemoryUse, OperatorCost
from edgekit.errors import OptionError
from edgekit.inspection import Inspection, read_graph
from edgekit.inspection.islands import islands
from edgekit.inspection.profile import with_costs

pytest.importorskip("fast_sugiyama")
from edgekit.report.graph import layout as layouts
from edgekit.report.graph.layout import Sizes, laid_out, path
from edgekit.report.graph.page import page

SIZES = Sizes()


@st.composite
def edges(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    count = draw(st.integers(1, 40))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    drawn = draw(st.lists(pairs, max_size=80))
    return count, sorted({(min(a, b), max(a, b)) for a, b in drawn if a != b})


@example((6, [(0, 5), (1, 2), (1, 4), (2, 3), (3, 4)]))
@given(edges())
def test_boxes_never_touch_and_edges_go_down(given_: tuple[int, list[tuple[int, int]]]) -> None:
    count, lines = given_
    found = laid_out(count, lines, SIZES)
    assert set(found.bends) == set(lines)
    assert not found.cut
    for at, (x, y) in enumerate(found.boxes):
        assert SIZES.width / 2 - 1 <= x <= found.width - SIZES.width / 2 + 1
        assert SIZES.height / 2 - 1 <= y <= found.height - SIZES.height / 2 + 1
        for other_x, other_y in found.boxes[at + 1 :]:
            assert abs(x - other_x) >= SIZES.width or abs(y - other_y) >= SIZES.height
    for edge in lines:
        heights = [found.boxes[edge[0]][1], *(y for _, y in found.bends[edge])]
        heights.append(found.boxes[edge[1]][1])
        assert heights == sorted(set(heights))
        assert path(found, edge, SIZES).startswith("M")
    for x, y in (bend for through in found.bends.values() for bend in through):
        for box_x, box_y in found.boxes:
            assert abs(x - box_x) > SIZES.width / 2 or abs(y - box_y) > SIZES.height / 2


def test_too_long_edges_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layouts, "_MOST_BENDS", 10)
    chain = [(at, at + 1) for at in range(19)]
    found = laid_out(20, [*chain, (0, 19), (0, 5)], SIZES)
    assert found.cut == ((0, 19),)
    assert (0, 5) in found.bends


def test_more_boxes_than_can_be_drawn() -> None:
    with pytest.raises(OptionError, match="at most 5,000 boxes in a picture, got 5,001"):
        laid_out(5001, [], SIZES)


class Tags(HTMLParser):
    """Collects tags, and the texts of a kind of tag."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attrs)
        assert not [name for name in named if name.startswith("on")]
        if (own := named.get("id")) is not None:
            self.ids.append(own)
        if tag == "a":
            self.targets.append(str(named["href"]))


def test_the_page_is_whole_without_scripts(onnx_file: Path) -> None:
    html = page(read_graph(onnx_file))
    tags = Tags(html)
    assert tags.tags.count("script") == 1
    assert tags.tags.count("svg") == 1
    assert len(set(tags.ids)) == len(tags.ids)
    assert {target.removeprefix("#") for target in tags.targets} <= set(tags.ids)
    assert html == page(read_graph(onnx_file))
    for words in ("QuantizeLinear", "scale 0.5, zero point 3", "13,824", "864 B"):
        assert words in html
    assert not re.findall(r"https?://", html)


def test_hostile_names_are_shown_not_obeyed(hostile_file: Path) -> None:
    html = page(read_graph(hostile_file))
    assert Tags(html).tags.count("script") == 1
    assert "alert(1)" in html
    assert "<script>alert" not in html
    assert "\u202e" not in html
    assert HOSTILE[:30] not in html


def floating(graph: Inspection, *indices: int) -> Inspection:
    """Return it with operators that are said to be float among integers."""
    operators = tuple(
        replace(one, numbers="float", island=True, why=f"{HOSTILE[:9]} no kernel {one.index}")
        if one.index in indices else one for one in graph.operators
    )  # fmt: skip
    return replace(graph, operators=operators)


@pytest.mark.parametrize(
    ("indices", "expected"),
    [((), []), ((1, 3), [[1], [3]]), ((0, 1), [[0, 1]]), ((1, 2), [[1, 2]]),
     ((0, 1, 3, 4), [[0, 1, 3, 4]])],
)  # fmt: skip
def test_islands_are_what_float_tensors_join(
    onnx_file: Path, indices: tuple[int, ...], expected: list[list[int]]
) -> None:
    graph = floating(read_graph(onnx_file), *indices)
    assert [[one.index for one in each] for each in islands(graph)] == expected
    html = page(graph)
    assert ("Float islands" in html) == bool(expected)
    assert html.count("<li><a href=") == len(expected)
    for island in expected:
        assert f"&lt;/script&gt; no kernel {island[0]}" in html


def test_costs_by_operator(onnx_file: Path) -> None:
    graph = edgekit.inspect(onnx_file)
    told = DeviceMeasurement(
        device="pi", kind="x", description="d", file="f", format="onnx", sha256=graph.sha256,
        memory=MemoryUse(artifact_kib=1.0), bases={"operators": "counted"},
        operators=(
            OperatorCost(index=0, kind="Conv", layer="stem", instructions=75),
            OperatorCost(index=1, kind="Relu", layer="left", instructions=25),
            OperatorCost(index=-1, kind="runtime", layer="", instructions=7),
        ),
    )  # fmt: skip
    found = with_costs(graph, [told])
    assert found.profile is not None
    assert (found.profile.unit, found.profile.total, found.profile.elsewhere) == (
        "instructions", 100, 7,
    )  # fmt: skip
    assert [one.cost.share if one.cost else None for one in found.operators] == [
        0.75, 0.25, None, None, None,
    ]  # fmt: skip
    html = page(found)
    assert "75.0%" in html
    assert "pi: operators take 100 instructions, counted, and 7 instructions outside" in html
    with pytest.raises(OptionError, match="has no device 'esp', it has pi"):
        with_costs(graph, [told], "esp")
    with pytest.raises(OptionError, match="expected a benchmark of this file"):
        with_costs(graph, [])


@pytest.fixture(scope="module")
def browsed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromiumPage]:
    with browsing(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@needs_browser
@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_in_a_browser(
    browsed: ChromiumPage, hostile_file: Path, tmp_path: Path, width: int, dark: bool
) -> None:
    file = tmp_path / "graph.html"
    file.write_text(page(read_graph(hostile_file)), encoding="utf-8")
    browsed.open(file, width=width, dark=dark)
    assert browsed.ask("document.documentElement.scrollWidth") <= width
    assert browsed.ask("document.querySelectorAll('.box').length") == 7
    low, high = sorted(
        browsed.ask(f"getComputedStyle(document.body).{what}").count("255")
        for what in ("color", "backgroundColor")
    )
    assert (low, high) == ((0, 0) if dark else (0, 3))
    assert (browsed.requests, browsed.complaints) == ([], [])


@needs_browser
def test_zoom_keys_find_and_links(browsed: ChromiumPage, onnx_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "graph.html"
    file.write_text(page(read_graph(onnx_file)), encoding="utf-8")
    browsed.open(file)
    width = "document.querySelector('svg').getBoundingClientRect().width"
    before = browsed.ask(width)
    browsed.ask("document.querySelector('[data-zoom=in]').click()")
    assert browsed.ask(width) == pytest.approx(before * 1.4, rel=0.01)
    browsed.ask("document.querySelector('.view').focus()")
    browsed.press("-")
    assert browsed.ask(width) == pytest.approx(before, rel=0.01)
    find = "document.querySelector('input')"
    browsed.ask(f"{find}.value = 'QuantizeLinear'; {find}.dispatchEvent(new Event('input'))")
    assert browsed.ask("document.querySelectorAll('.missed').length") == 5
    assert browsed.ask("document.querySelector('output').value") == "2 found"
    browsed.ask("document.querySelector('#box-2').dispatchEvent(new MouseEvent('click'))")
    assert browsed.ask("location.hash") == "#op-2"
    assert browsed.ask("document.querySelector('tr:target').textContent").startswith("2 Quant")
    assert (browsed.requests, browsed.complaints) == ([], [])


@needs_browser
def test_the_page_without_scripts(browsed: ChromiumPage, onnx_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "graph.html"
    file.write_text(page(read_graph(onnx_file)), encoding="utf-8")
    browsed.open(file, scripts=False)
    document = browsed.call("DOM.getDocument", depth=-1)["root"]["nodeId"]
    boxes = browsed.call("DOM.querySelectorAll", nodeId=document, selector=".box")["nodeIds"]
    tools = browsed.call("DOM.querySelector", nodeId=document, selector=".tools[hidden]")["nodeId"]
    assert len(boxes) == 7
    assert tools != 0
