"""Lets notebooks show results as tables and pictures."""

from __future__ import annotations

import importlib
from typing import TypeVar

T = TypeVar("T")

VIEW = "edgekit.report.notebook"


def shown(kind: type[T]) -> type[T]:
    """Give a class of results the method by which Jupyter asks for HTML.

    What it draws is said in one place, ``edgekit.report.notebook``, which is imported only then.
    """

    def html(result: T) -> str:
        text: str = importlib.import_module(VIEW).html_of(result)
        return text

    kind._repr_html_ = html  # type: ignore[attr-defined]
    return kind
