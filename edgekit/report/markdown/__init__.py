"""Reports as Markdown, for people."""

from edgekit.report.markdown.whole import SECTIONS, render

__all__ = ["SECTIONS", "render"]
