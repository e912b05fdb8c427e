"""Lets notebooks show results as tables and pictures."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Literal, TypeVar

T = TypeVar("T")
View = Literal[
    "conversion", "evaluation", "audit", "benchmark", "compression", "inspection", "comparison",
    "gate", "farm",
]  # fmt: skip

PLACE = "edgekit.report.notebook"


def shown(view: View) -> Callable[[type[T]], type[T]]:
    """Give a class of results the method by which Jupyter asks for HTML.

    What is drawn is said in one place, ``edgekit.report.notebook``, which stands above most results
    and is imported when one is shown.
    """

    def given(kind: type[T]) -> type[T]:
        def html(result: Any) -> str:
            text: str = importlib.import_module(PLACE).html_of(view, result)
            return text

        kind._repr_html_ = html  # type: ignore[attr-defined]
        return kind

    return given
