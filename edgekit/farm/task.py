"""One measurement, as whoever does the work carries it out."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

from edgekit import runtimes
from edgekit.devices.backend import Readiness, Request, backend_of
from edgekit.devices.declaration import Device
from edgekit.devices.figures import DeviceMeasurement
from edgekit.devices.lease import leased
from edgekit.devices.readiness import Seen, see
from edgekit.errors import DeviceBusy, DeviceError, DeviceLost, EdgekitError
from edgekit.files import scratch
from edgekit.progress import Silent

if TYPE_CHECKING:
    from edgekit.measuring.scoring import Scoring

Verdict = Literal["done", "refused", "failed", "lost", "busy", "unready"]
"""done: measured. refused: the file or the request is at fault, and no device would do better.
failed: the device is there, and failed. lost: it is not there any more. busy: somebody has it.
unready: it lacks what files of this format run on, and nothing is wrong with it."""

_GRACE_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Task:
    """A file on a device.

    ``wait_s`` is how long somebody else may have the device before, ``timeout_s`` how long
    measuring may take.
    """

    device: Device
    file: str
    request: Request = field(default_factory=Request)
    scoring: Scoring | None = None
    wait_s: float = 0.0
    timeout_s: float = 600.0

    @property
    def most_s(self) -> float:
        """Return when whoever carries it out is to be ended: it did not end itself."""
        return self.wait_s + self.timeout_s + _GRACE_S


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it; ``error`` is one line, empty where it is done."""

    verdict: Verdict
    error: str = ""
    measurement: DeviceMeasurement | None = None


def perform(task: Task) -> Outcome:
    """Measure, on a lease; every error that edgekit raises on purpose becomes an outcome."""
    backend = backend_of(task.device)
    try:
        artifact = runtimes.describe(task.file)
        with leased(task.device, wait_s=task.wait_s), _limited(task):
            measured = backend.measure(task.device, artifact, task.request)
            if task.scoring is not None:
                from edgekit.measuring.scoring import scored

                measured = scored(measured, task.device, backend, artifact, task.scoring, Silent())
    except DeviceBusy as error:
        return Outcome(verdict="busy", error=str(error))
    except DeviceError as error:
        return Outcome(verdict=_blame(task, error), error=str(error))
    except EdgekitError as error:
        return Outcome(verdict="refused", error=str(error))
    return Outcome(verdict="done", measurement=measured)


def _blame(task: Task, error: DeviceError) -> Verdict:
    if isinstance(error, DeviceLost):
        return "lost"
    told: Mapping[Readiness, Verdict] = {
        "ready": "failed", "needs install": "unready", "not here": "unready",
    }  # fmt: skip
    return told.get(see(task.device, formats([task.file])).state.readiness, "lost")


@contextlib.contextmanager
def _limited(task: Task) -> Iterator[None]:
    """Let a measurement fail that takes longer than it may; in the main thread of a process."""

    def late(*_: object) -> NoReturn:
        raise DeviceError(f"{task.device.name}: no answer within {task.timeout_s:g} s")

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, task.timeout_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def perform_far(task: Task, content: Mapping[str, bytes]) -> Outcome:
    """Measure where the file is not: it comes along, as its parts by name, the main one first."""
    with scratch() as folder:
        for name, data in content.items():
            (folder / Path(name).name).write_bytes(data)
        there = folder / Path(next(iter(content))).name
        outcome = perform(replace(task, file=str(there)))
    if outcome.measurement is None:
        return replace(outcome, error=outcome.error.replace(str(there), task.file))
    return replace(outcome, measurement=replace(outcome.measurement, file=task.file))


def look(device: Device, formats: Iterable[str]) -> Seen:
    """Say whether a device can be measured on with files of these formats."""
    return see(device, formats)


def formats(files: Iterable[str]) -> set[str]:
    """Return the formats of files, by their names."""
    found = {runtimes.SUFFIXES.get(Path(file).suffix.lower()) for file in files}
    return {kind for kind in found if kind is not None}


def suffixes(formats: Iterable[str]) -> list[str]:
    """Return how names of files of these formats end."""
    wanted = set(formats)
    return [suffix for suffix, kind in runtimes.SUFFIXES.items() if kind in wanted]
