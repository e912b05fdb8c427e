"""The report as one HTML file: pictures first, then everything else; nothing is fetched."""

from __future__ import annotations

from edgekit.report.html.entry import Entry, Failed
from edgekit.report.html.page import MARK, render, section

__all__ = ["MARK", "Entry", "Failed", "render", "section"]
