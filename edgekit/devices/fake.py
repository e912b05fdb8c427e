"""A device that does what its declaration says: for tests and demonstrations of the farm."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NoReturn

from filelock import FileLock

from edgekit import table
from edgekit.artifact import Artifact
from edgekit.devices.backend import Always, Request, State
from edgekit.devices.bare import bare
from edgekit.devices.declaration import Device
from edgekit.devices.figures import DeviceMeasurement, Latency
from edgekit.errors import DeviceError, DeviceLost

OutcomeName = Literal["ok", "failed", "lost", "dies", "hangs"]


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a fake device does.

    ``latency_ms`` is told for each MiB of the file; a measurement takes ``seconds``. Of successive
    measurements those fail for which ``outcomes`` says ``lost`` or ``failed``, not ``ok``; where it
    says ``dies`` the process ends, and where it says ``hangs`` no answer comes. After the last all
    succeed. ``journal`` is the file that counts them, across processes.
    """

    latency_ms: float = 1.0
    seconds: float = 0.0
    outcomes: tuple[OutcomeName, ...] = ()
    journal: str = ""
    unreachable: bool = False


class FakeBackend(Always):
    """Follows the script."""

    def state(self, device: Device) -> State:
        """Say what the script says."""
        if _script(device).unreachable:
            return State(readiness="unreachable", why="its script says so")
        return State(readiness="ready")

    def measure(self, device: Device, artifact: Artifact, request: Request) -> DeviceMeasurement:
        """Tell a latency that follows from the file's size; see ``Backend``."""
        script = _script(device)
        outcome = _outcome(script)
        time.sleep(script.seconds)
        if outcome != "ok":
            _fail(device, outcome)
        latency = script.latency_ms * artifact.size_bytes / 2**20
        return replace(
            bare(device, artifact),
            latency=Latency(ms=latency, low_ms=latency, high_ms=latency, basis="computed"),
            bases={"latency": "computed"},
            warnings=("a fake device: no figure means anything",),
        )


def _script(device: Device) -> Script:
    return table.build(device.script, Script, where=f"{device.name}: script")


def _fail(device: Device, outcome: OutcomeName) -> NoReturn:
    if outcome == "dies":
        os._exit(9)
    if outcome == "hangs":
        threading.Event().wait()
    kind = DeviceLost if outcome == "lost" else DeviceError
    raise kind(f"{device.name}: {outcome}, as its script says")


def _outcome(script: Script) -> OutcomeName:
    if not script.outcomes:
        return "ok"
    if not script.journal:
        return script.outcomes[0]
    journal = Path(script.journal)
    with FileLock(f"{journal}.lock"):
        done = journal.stat().st_size if journal.exists() else 0
        with journal.open("a", encoding="ascii") as file:
            file.write(".")
    return script.outcomes[done] if done < len(script.outcomes) else "ok"
