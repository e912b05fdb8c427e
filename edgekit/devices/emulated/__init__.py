"""Boards with Linux, emulated: the real runtime of their architecture, and exact counts."""

from edgekit.devices.emulated.backend import EmulatedBackend

__all__ = ["EmulatedBackend"]
