"""Ethos-U NPUs: what Arm's compiler makes of a file, and what it estimates."""

from __future__ import annotations

from edgekit.devices.npu.backend import NpuBackend

__all__ = ["NpuBackend"]
