"""Carries a journal's jobs out on a workforce, until each is done or given up."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, as_completed, wait
from dataclasses import dataclass, field, replace
from typing import Any

from edgekit.devices import quarantine
from edgekit.devices.backend import State
from edgekit.devices.lease import device_key
from edgekit.devices.readiness import Seen
from edgekit.errors import DeviceError, DeviceLost, EdgekitError, one_line
from edgekit.farm.jobs import Job
from edgekit.farm.journal import Journal
from edgekit.farm.schedule import Fleet, Member
from edgekit.farm.task import Outcome, Task, formats, suffixes
from edgekit.farm.workforce import Workforce
from edgekit.progress import Progress

_LOOK_S = 30.0
_LEASE_S = 30.0  # that a measurement waits for somebody else's to end
_LACKING = ("needs install", "not here")


@dataclass
class Run:
    """One farm at work.

    Args:
        journal: The jobs.
        fleet: Who may do them, as ``muster`` left it.
        workforce: What they are done by.
        task: What a device is given for a job.
        attempts: How often a job is tried, on all devices together.
        timeout_s: For one measurement.
        progress: Who listens.
        places: What jobs are for: names of devices, and of pools.
    """

    journal: Journal
    fleet: Fleet
    workforce: Workforce
    task: Callable[[Job, Member], Task]
    attempts: int
    timeout_s: float
    progress: Progress
    places: Collection[str]
    _working: dict[Future[Outcome], tuple[Member, Job]] = field(default_factory=dict)
    _asked: dict[Future[Seen], Member] = field(default_factory=dict)
    _formats: Mapping[str, set[str]] = field(default_factory=dict)

    def work(self) -> None:
        """Return when no job is left; what was found is in the journal."""
        self._formats = self._queued_formats()
        while True:
            self._start(self._give_up())
            waiting = self.journal.waiting(self.places)
            if not self._working and not waiting:
                return
            if not self._working and not self._asked and self.fleet.next_event_s() is None:
                raise DeviceError(
                    f"jobs for {', '.join(sorted(waiting))} were begun by nobody: a fault of"
                    " edgekit, please report it"
                )
            self._wait()

    def _queued_formats(self) -> Mapping[str, set[str]]:
        """Return the formats of the files that are queued for each place."""
        found: dict[str, set[str]] = {}
        for place, file in self.journal.queued():
            found.setdefault(place, set()).update(formats([file]))
        return found

    def _ask(self, member: Member) -> None:
        member.standing = "asked"
        wanted = frozenset().union(*(self._formats.get(place, ()) for place in member.places))
        self._asked[self.workforce.look(member.device, wanted, _LOOK_S)] = member

    def _start(self, waiting: set[str]) -> None:
        for member in self.fleet.rested(time.monotonic()):
            self._ask(member)
        idle = set[str]()
        while able := self.fleet.may_start(waiting, idle):
            for member in able:
                if not self._begin(member):
                    idle.add(member.device.name)

    def _begin(self, member: Member) -> bool:
        """Give a device its next job; whether there was one that it takes."""
        shares, without = self.fleet.shares(member), suffixes(member.lacking)
        job = self.journal.take(member.device.name, shares, without)
        if job is None:
            return False
        try:
            task = replace(self.task(job, member), wait_s=_LEASE_S, timeout_s=self.timeout_s)
        except EdgekitError as error:  # the file, or data for it, went meanwhile
            self._conclude(member, job, Outcome(verdict="refused", error=str(error)))
            return True
        member.standing = "working"
        self.progress.note(f"{job.file} on {member.device.name}")
        self._working[self.workforce.perform(task)] = (member, job)
        return True

    def _wait(self) -> None:
        event = self.fleet.next_event_s()
        rest = None if event is None else max(0.0, event - time.monotonic())
        pending: set[Future[Any]] = {*self._working, *self._asked}
        if not pending:
            time.sleep(rest or 0.0)
            return
        for future in wait(pending, timeout=rest, return_when=FIRST_COMPLETED).done:
            if future in self._working:
                self._conclude(*self._working.pop(future), _outcome(future))
            else:
                _hear(self.fleet, self._asked.pop(future), _seen(future))

    def _conclude(self, member: Member, job: Job, outcome: Outcome) -> None:
        name = member.device.name
        if outcome.verdict == "busy":
            self.progress.note(outcome.error)
            self.journal.again(job)
            self.fleet.busy(member, outcome.error, time.monotonic(), most_s=self.timeout_s)
            return
        if outcome.verdict == "unready":
            self.journal.again(job)
            self._ask(member)
            return
        if outcome.measurement is not None:
            self.journal.done(job, name, device_key(member.device), outcome.measurement)
            self.fleet.succeeded(member)
            self.progress.advance()
            return
        most = self.attempts if outcome.verdict in ("lost", "failed") else 1
        again = self.journal.failed(job, name, outcome.verdict, outcome.error, most=most)
        self.progress.advance(0 if again else 1)
        if outcome.verdict == "lost":
            self.fleet.lost(member, job.key, outcome.error, time.monotonic())
        elif outcome.verdict == "failed":
            self.fleet.failed(member, job.key, outcome.error)
        else:
            member.standing = "free"
        self._remember(member)

    def _remember(self, member: Member) -> None:
        if member.faulty:
            quarantine.put(member.device, member.why)

    def _give_up(self) -> set[str]:
        """Fail the jobs that nobody will ever do; return the places that have others.

        Waiting for a device that is gone has no end.
        """
        for place in self.journal.waiting(self.places):
            if (why := self.fleet.why_nobody(place)) is not None:
                self.progress.advance(self.journal.give_up(place, why))
                continue
            for kind, lacking in self.fleet.taken_by_nobody(place).items():
                self.progress.advance(self.journal.give_up(place, lacking, suffixes([kind])))
        return self.journal.waiting(self.places)


def muster(
    workforce: Workforce, fleet: Fleet, named: Collection[str], formats: Collection[str]
) -> None:
    """Ask each device of a fleet whether it takes files of these formats, all at once.

    What is not installed gets no work.

    Raises:
        DeviceError: a device that is named lacks what it runs on.
        OptionError: a declaration cannot be.
    """
    looks = {
        workforce.look(member.device, frozenset(formats), _LOOK_S): member
        for member in fleet.living()
    }
    lacking = {}
    for future in as_completed(looks):
        _refuse_declaration(future)
        member, seen = looks[future], _seen(future)
        _hear(fleet, member, seen)
        if seen.lacking and seen.state.readiness in (*_LACKING, "ready"):
            lacking[member.device.name] = " | ".join(dict.fromkeys(seen.lacking.values()))
    if told := [f"{name}: {lacking[name]}" for name in named if name in lacking]:
        raise DeviceError(" | ".join(told))


def _hear(fleet: Fleet, member: Member, seen: Seen) -> None:
    state = seen.state
    if state.readiness == "ready":
        fleet.back(member, seen.lacking)
    elif state.readiness in _LACKING:
        fleet.part(member, next(iter(seen.lacking.values()), state.why))
    else:
        fleet.absent(member, f"{state.readiness}: {state.why}", time.monotonic())


def _outcome(future: Future[Outcome]) -> Outcome:
    error = future.exception()
    if error is None:
        return future.result()
    told = str(error) if isinstance(error, DeviceError) else (
        f"a fault of edgekit, please report it: {type(error).__name__}: {one_line(error)}"
    )  # fmt: skip
    if not isinstance(error, DeviceError):
        return Outcome(verdict="refused", error=told)
    return Outcome(verdict="lost" if isinstance(error, DeviceLost) else "failed", error=told)


def _refuse_declaration(future: Future[Seen]) -> None:
    """Raise what is wrong with a device's declaration: that is no device's fault, and no loss."""
    error = future.exception()
    if isinstance(error, EdgekitError) and not isinstance(error, DeviceError):
        raise error


def _seen(future: Future[Seen]) -> Seen:
    error = future.exception()
    if error is None:
        return future.result()
    return Seen(state=State(readiness="unreachable", why=one_line(error)))
