"""Who does the work: processes of this machine, or the nodes of a cluster."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from edgekit.devices.declaration import Device
from edgekit.devices.kinds import nature
from edgekit.devices.readiness import Seen
from edgekit.farm.task import Outcome, Task


class Workforce(Protocol):
    """Carries tasks out, each in a process that can be lost without harm.

    ``cpus`` are the processors that the scheduler shares out; None where somebody else does.
    """

    cpus: int | None

    def perform(self, task: Task) -> Future[Outcome]:
        """Begin a task; a process that dies, or is late and is ended, is a ``DeviceError``.

        The future's error is ``DeviceLost`` where the device is gone.
        """

    def look(self, device: Device, formats: frozenset[str], timeout_s: float) -> Future[Seen]:
        """Ask whether a device can be measured on with files of these formats."""

    def close(self, *, now: bool) -> None:
        """Let go of everything; ``now`` ends tasks in the middle."""


def processors(device: Device, of: int) -> int:
    """Return how many of a machine's processors a measurement needs: all, if it is timed there."""
    kind = nature(device.kind)
    return of if kind.timed_here else int(kind.computes_here)
