"""Devices: what they are, what they need, and what a file costs on them."""

from __future__ import annotations

from edgekit.devices.backend import Backend, Request, State, backend_of
from edgekit.devices.declaration import Device, load_device
from edgekit.devices.figures import DeviceMeasurement

__all__ = [
    "Backend",
    "Device",
    "DeviceMeasurement",
    "Request",
    "State",
    "backend_of",
    "load_device",
]
