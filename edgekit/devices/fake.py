"""A device that does what its declaration says: for tests and demonstrations of the farm."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
from filelock import FileLock

from edgekit import table
from edgekit.artifact import Artifact
from edgekit.devices.agreement import here
from edgekit.devices.backend import Always, Outputs, Request, Samples, State
from edgekit.devices.bare import bare
from edgekit.devices.declaration import Device
from edgekit.devices.figures import DeviceMeasurement, Latency
from edgekit.errors import DeviceError, DeviceLost, OptionError

OUTCOMES = ("ok", "lost", "failed", "dies", "hangs")


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a fake device does.

    ``latency_ms`` is told for each MiB of the file; a measurement takes ``seconds``. Of successive
    measurements those fail for which ``outcomes`` says ``lost`` or ``failed``, not ``ok``; where it
    says ``dies`` the process ends, and where it says ``hangs`` no answer comes. After the last all
    succeed. ``journal`` is the file that counts them, across processes; without it nobody could, so
    ``outcomes`` demand it. Outputs are those of this host, but for the first ``wrong_samples`` of
    those that it is given at once: there each class has its neighbour's score.
    """

    latency_ms: float = 1.0
    seconds: float = 0.0
    outcomes: tuple[str, ...] = ()
    journal: str = ""
    unreachable: bool = False
    wrong_samples: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be followed."""
        if self.outcomes and not self.journal:
            raise OptionError("outcomes need journal, the path of a file that counts them")
        if unknown := set(self.outcomes) - set(OUTCOMES):
            raise OptionError(f"outcomes: expected {', '.join(OUTCOMES)}, got {min(unknown)!r}")


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

    def outputs(self, device: Device, artifact: Artifact, samples: Samples) -> Outputs:
        """Return this host's, some of them wrong; see ``Computes``."""
        wrong = max(_script(device).wrong_samples, 0)
        found = dict(here(artifact, samples))
        for rows in found.values():
            rows[:wrong] = np.roll(rows[:wrong], 1, axis=-1)
        return found


def _script(device: Device) -> Script:
    return table.build(device.script, Script, where=f"{device.name}: script")


def _fail(device: Device, outcome: str) -> NoReturn:
    if outcome == "dies":
        os._exit(9)
    if outcome == "hangs":
        threading.Event().wait()
    kind = DeviceLost if outcome == "lost" else DeviceError
    raise kind(f"{device.name}: {outcome}, as its script says")


def _outcome(script: Script) -> str:
    if not script.outcomes:
        return "ok"
    journal = Path(script.journal)
    with FileLock(f"{journal}.lock"):
        done = journal.stat().st_size if journal.exists() else 0
        with journal.open("a", encoding="ascii") as file:
            file.write(".")
    return script.outcomes[done] if done < len(script.outcomes) else "ok"
