"""The graph of a file as one HTML file: a picture that zooms, and a table."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from edgekit.inspection import Inspection
from edgekit.inspection.blocks import Block
from edgekit.inspection.islands import islands
from edgekit.report import text
from edgekit.report.graph.picture import Picture, picture
from edgekit.report.graph.words import cost, count, figures, grid, size, tensor
from edgekit.report.html.shell import policy
from edgekit.version import VERSION


def page(graph: Inspection, *, depth: int | None = None, every: bool = False) -> str:
    """Return a self-contained page; the same graph gives the same page.

    It asks for nothing and runs one script of its own, whose hash is in its policy; without it the
    picture scrolls and everything else is there. Names from the file are shown, never obeyed.

    Raises:
        OptionError: the graph is too large to be drawn; see ``depth``.
        MissingExtra: fast-sugiyama is not installed.
    """
    drawn = picture(graph, depth=depth, every=every)
    style, script = _part("style.css"), _part("zoom.js")
    whole: str = (
        _environment()
        .get_template("graph.html")
        .render(
            title=text.visible(Path(graph.path).name),
            facts=list(_facts(graph)),
            graph=graph,
            picture=drawn,
            heading=_heading(graph),
            rows=list(_rows(graph, drawn)),
            islands=list(_islands(graph, drawn)),
            aside=0 if every else sum(one.prepares for one in graph.operators),
            weighed=_weighed(graph),
            style=Markup(style),
            script=Markup(script),
            policy=policy(script),
            version=VERSION,
        )
    )
    return whole


def _facts(graph: Inspection) -> Iterator[str]:
    kind, held = text.FORMATS[graph.format], text.kib(graph.file_bytes)
    yield f"{kind}, {held}, SHA-256 {graph.sha256[:16]}…"
    integer = f" ({text.share(graph.integer_mac_share)} in integers)" if graph.macs else ""
    yield (
        f"{len(graph.operators):,} operators, {count(graph.macs)} multiply-accumulates{integer}, "
        f"weights {size(graph.weight_bytes)}"
    )
    if graph.profile is not None:
        yield f"{text.visible(graph.profile.device)}: {figures(graph.profile)}"


def _weighed(graph: Inspection) -> str:
    if graph.profile is None:
        return "multiply-accumulates"
    return {"ms": "time", "instructions": "instructions", "cycles": "cycles"}[graph.profile.unit]


def _heading(graph: Inspection) -> list[str]:
    told = [] if graph.profile is None else [_weighed(graph), "share"]
    return ["operator", "layer", "computes in", "reads", "writes", "MACs", "weights", *told]


def _rows(graph: Inspection, drawn: Picture) -> Iterator[tuple[int, list[str], str]]:
    """Yield number, cells, and why an operator stayed in float."""
    for part in drawn.parts:
        for number, block in part.rows:
            yield number, list(_cells(graph, block)), block.operators[0].why


def _islands(graph: Inspection, drawn: Picture) -> Iterator[tuple[int | None, str, str]]:
    """Yield of each float island the row of its first operator, what it holds, and why."""
    rows = {
        one.index: number
        for part in drawn.parts
        for number, block in part.rows
        for one in block.operators
    }
    for island in islands(graph):
        held = text.brief([f"{one.index} {one.kind}" for one in island], most=8)
        why = "; ".join(dict.fromkeys(one.why for one in island if one.why))
        layers = text.brief(list(dict.fromkeys(one.layer for one in island)), most=4)
        said = text.visible(f"{held}, at {layers}", most=400)
        yield rows.get(island[0].index), said, text.visible(why, most=400)


def _cells(graph: Inspection, block: Block) -> Iterator[str]:
    yield text.visible(f"{block.operators[0].index} {block.title}")
    yield text.visible(block.name)
    yield text.visible(block.precision)
    for keys in (block.reads, block.writes):
        shown = [graph.tensor(key) for key in keys[:6]]
        more = f"; {len(keys) - 6} more" if len(keys) > 6 else ""
        yield "; ".join(tensor(one) + grid(one) for one in shown) + more
    yield f"{block.macs:,}"
    yield size(block.weight_bytes)
    if graph.profile is not None:
        yield "" if block.cost is None else cost(block.cost, graph.profile.unit)
        yield "" if block.cost is None else text.share(block.share)


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_part), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def _part(name: str) -> Any:
    return (resources.files(__package__) / "templates" / name).read_text("utf-8")
