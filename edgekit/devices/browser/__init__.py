"""Browsers: what a file costs in a page, in WebAssembly, on this host."""

from __future__ import annotations

from edgekit.devices.browser.backend import BrowserBackend

__all__ = ["BrowserBackend"]
