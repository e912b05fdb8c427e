"""Real firmware: an ONNX file as C, compiled for a Cortex-M, and run under qemu-system-arm."""

from __future__ import annotations

from edgekit.devices.firmware.backend import FirmwareBackend

__all__ = ["FirmwareBackend"]
