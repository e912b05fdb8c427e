"""A comparison as one HTML file, from the parts of the report's page."""

from __future__ import annotations

from edgekit.comparing.html.page import html_comparison, render

__all__ = ["html_comparison", "render"]
