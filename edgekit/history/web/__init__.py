"""A small web page over a history: read-only, for this machine unless more is asked for."""

from edgekit.history.web.server import PageServer, serving

__all__ = ["PageServer", "serving"]
