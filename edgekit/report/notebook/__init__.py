"""Results as Jupyter shows them: tables with bars, no scripts, in the notebook's own colours."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import jinja2

from edgekit.report.notebook.files import audit, benchmark, inspection
from edgekit.report.notebook.results import compression, conversion, evaluation
from edgekit.report.notebook.table import Page
from edgekit.report.notebook.verdicts import comparison, farm, gate
from edgekit.shown import View

VIEWS: Mapping[View, Callable[[Any], Page]] = {
    "conversion": conversion,
    "evaluation": evaluation,
    "audit": audit,
    "benchmark": benchmark,
    "compression": compression,
    "inspection": inspection,
    "comparison": comparison,
    "gate": gate,
    "farm": farm,
}


def html_of(view: View, result: Any) -> str:
    """Return HTML that stands on its own within a page; names are shown, never obeyed."""
    text: str = _template().render(page=VIEWS[view](result))
    return text


@functools.cache
def _template() -> jinja2.Template:
    source = (resources.files(__package__) / "result.html").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source)
