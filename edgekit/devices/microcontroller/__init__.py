"""Microcontrollers: what a file needs in TensorFlow Lite Micro, and whether a board has it."""

from __future__ import annotations

from edgekit.devices.microcontroller.backend import MicrocontrollerBackend

__all__ = ["MicrocontrollerBackend"]
