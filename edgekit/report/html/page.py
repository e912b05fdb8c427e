"""Puts a page together: everything is computed here, templates only lay it out."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from edgekit.devices.figures import DeviceMeasurement
from edgekit.report import text
from edgekit.report.budgets import budgets
from edgekit.report.details import Details, Spread
from edgekit.report.html import answered, outcome, tables
from edgekit.report.html.entry import Entry, Failed
from edgekit.report.html.pictures import islands, laid, latency, layers, spread, tradeoff, work
from edgekit.report.html.shell import environment, shell
from edgekit.report.html.table import Table, table
from edgekit.report.html.words import missing, short
from edgekit.report.notes import notes

MARK = "<!doctype html><!-- edgekit report -->"
"""How every page begins; a file that begins otherwise is somebody else's."""

_SPREADS = 24
_COSTLIEST = 12


def render(
    entries: Sequence[Entry], *, failed: Sequence[Failed] = (),
    other_devices: Sequence[DeviceMeasurement] = (), sections: Sequence[Markup] | None = None,
) -> str:  # fmt: skip
    """Return one self-contained page; the same entries give the same page.

    It asks for nothing, runs one script of its own (its hash is in the page's policy) and is whole
    without that. Names from models, data and boards are shown, never obeyed.

    Args:
        entries: The artifacts, in order.
        failed: Targets that could not be made, and files that could not be measured.
        other_devices: Measurements of files that none of the reports is about.
        sections: What ``section`` gave for each entry; drawn here if left out.
    """
    panels = tradeoff.panels(entries) if len(entries) > 1 or any(e.devices for e in entries) else []
    bodies = sections or [section(at, entry) for at, entry in enumerate(entries)]
    whole = (
        environment()
        .get_template("page.html")
        .render(
            **shell(
                title=_title(entries),
                what="report",
                lines=list(dict.fromkeys(_source(entry) for entry in entries)),
            ),
            entries=[_glance(at, entry) for at, entry in enumerate(entries)],
            bodies=bodies,
            tradeoffs=[(panel, tradeoff.draw(panel)) for panel in panels],
            points=_points(panels),
            failed=failed,
            strangers=tables.devices(tuple(other_devices)),
        )
    )
    return MARK + whole


def section(at: int, entry: Entry) -> Markup:
    """Return everything that a page says of one artifact, the one at a place from 0."""
    report = entry.report
    html = environment().get_template("artifact.html").render(
        at=at + 1,
        report=report,
        entry=entry,
        verdict=report.verdict,
        story=outcome.story(report),
        numbers=outcome.numbers(report),
        budgets=list(budgets(report)),
        notes=[(kind, Markup.escape(text.visible(line, most=2000)))
               for kind, line in notes([report])],
        missing=missing(entry),
        tables=tables,
        text=text,
        short=short,
        **_pictures(entry),
        **_answers(entry),
    )  # fmt: skip
    return Markup(html)


def _pictures(entry: Entry) -> dict[str, Any]:
    report, told = entry.report, entry.details or Details(artifact_sha256="")
    joined = laid.draw(report.audit, told.edges)
    timed, graph = latency.rows(entry), islands.blocks(report.audit)
    works = [w for w in map(work.on_device, entry.devices) if w is not None]
    if not works and (computed := work.by_macs(report)) is not None:
        works = [computed]
    return {
        "latency": latency.draw(timed) if timed else None,
        "works": [(one, work.draw(one), _costliest(one)) for one in works],
        "layers": layers.draw(report.layers) if report.layers and report.layers.layers else None,
        "laid": joined,
        "graph": islands.draw(graph, told.edges) if graph and joined is None else None,
        "graph_more": max(0, len(graph) - islands.MOST) if joined is None else 0,
        "weights": _spreads(told.weights),
        "more_weights": max(0, len(told.weights) - _SPREADS) + told.more_weights,
        "activations": _spreads(told.activations),
        "more_activations": max(0, len(told.activations) - _SPREADS) + told.more_activations,
    }


def _answers(entry: Entry) -> dict[str, Any]:
    found = entry.details.answers if entry.details else None
    return {
        "answers": found,
        "matrices": answered.matrices(found) if found else [],
        "changes": answered.changes(found) if found else None,
        "flips": answered.flipped(found) if found else [],
        "named": functools.partial(answered.named, found) if found else str,
    }


def _title(entries: Sequence[Entry]) -> str:
    names = list(dict.fromkeys(text.visible(e.report.source.name, most=80) for e in entries))
    targets = [text.visible(e.report.target.name, most=40) for e in entries]
    return f"{', '.join(names[:3])} for {text.brief(targets, most=3)}"


def _source(entry: Entry) -> str:
    facts, found = entry.report.source, entry.report.evaluation
    said = f"{text.visible(facts.name, most=80)}: {facts.parameters:,} parameters, "
    said += f"SHA-256 {facts.sha256[:12]}…"
    if entry.report.compression is not None:
        said += f", after the recipe {text.visible(entry.report.compression.recipe, most=80)}"
    if found is not None:
        data = text.visible(entry.report.evaluation_data or "the evaluation data", most=120)
        said += f"; evaluated on {found.samples:,} samples of {data}"
    return said


def _glance(at: int, entry: Entry) -> dict[str, Any]:
    report = entry.report
    return {
        "number": at + 1,
        "name": text.visible(report.target.name, most=60),
        "model": text.visible(report.source.name, most=60),
        "verdict": report.verdict,
        "faults": len(report.broken_promises) + len(report.missed_budgets),
        "numbers": outcome.numbers(report),
        "story": outcome.story(report),
        "budgets": list(budgets(report)),
    }


def _points(panels: Sequence[tradeoff.Panel]) -> Table | None:
    rows = (
        (tradeoff.mark(point), point.name, f"{panel.device} ({panel.basis})", point.quality,
         point.latency_ms, point.size_kib, "yes" if point.front else "")
        for panel in panels
        for point in panel.points
    )  # fmt: skip
    name = panels[0].quality.name if panels else ""
    heading = ("mark", "file", "on", text.visible(name, most=60), "latency, ms", "size, KiB",
               "on the front")  # fmt: skip
    return table("The same as figures", heading, rows)


def _costliest(found: work.Work) -> Table | None:
    ranked = sorted(found.parts, key=lambda part: -part.cost)[:_COSTLIEST]
    whole = found.total or 1.0
    rows = (
        (part.kind, part.layer, part.where,
         part.cost if found.unit == "ms" else int(part.cost), text.share(part.cost / whole))
        for part in ranked
    )  # fmt: skip
    heading = ("operator", "layer", "where", found.unit, "share")
    return table("The costliest operators", heading, rows)


def _spreads(found: Sequence[Spread]) -> list[tuple[str, Markup, Spread]]:
    return [(short(one.name), spread.draw(one), one) for one in found[:_SPREADS]]
