"""Carries a journal's jobs out on a workforce, until each is done or given up."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, as_completed, wait
from dataclasses import dataclass, field
from typing import Any

from edgekit.devices.backend import State
from edgekit.errors import DeviceError, DeviceLost, one_line
from edgekit.farm import quarantine
from edgekit.farm.jobs import Job
from edgekit.farm.journal import Journal
from edgekit.farm.schedule import Fleet, Member
from edgekit.farm.task import Outcome, Task
from edgekit.farm.workforce import Workforce
from edgekit.progress import Progress

_LOOK_S = 30.0


@dataclass
class Run:
    """One farm at work.

    Args:
        journal: The jobs.
        fleet: Who may do them.
        workforce: What they are done by.
        task: What a device is given for a job.
        attempts: How often a job is tried, on all devices together.
        timeout_s: For one measurement.
        progress: Who listens.
    """

    journal: Journal
    fleet: Fleet
    workforce: Workforce
    task: Callable[[Job, Member], Task]
    attempts: int
    timeout_s: float
    progress: Progress
    _working: dict[Future[Outcome], tuple[Member, Job]] = field(default_factory=dict)
    _asked: dict[Future[State], Member] = field(default_factory=dict)

    def work(self) -> None:
        """Return when no job is left; what was found is in the journal.

        Raises:
            DeviceError: a device that jobs name lacks what it runs on; nothing was measured.
        """
        self._muster()
        while True:
            self._give_up()
            self._start()
            if not self._working and not self._asked and self.fleet.next_event_s() is None:
                return
            if not self._working and not self.journal.places():
                return
            self._wait()

    def _muster(self) -> None:
        """Ask every device whether it is there. What is not installed gets no work."""
        for member in self.fleet.living():
            self._ask(member)
        lacking = []
        for future in as_completed(list(self._asked)):
            member, state = self._asked.pop(future), _state(future)
            if state.readiness in ("needs install", "not here"):
                self.fleet.part(member, f"{state.readiness}: {state.why}")
                lacking.append(member)
            else:
                self._hear(member, state)
        queued = self.journal.places()
        if named := [m for m in lacking if m.device.name in queued]:
            raise DeviceError(" | ".join(f"{m.device.name}: {m.why}" for m in named))

    def _ask(self, member: Member) -> None:
        member.standing = "asked"
        self._asked[self.workforce.look(member.device, _LOOK_S)] = member

    def _start(self) -> None:
        for member in self.fleet.rested(time.monotonic()):
            self._ask(member)
        for member in self.fleet.may_start(self.journal.places()):
            job = self.journal.take(member.device.name, self.fleet.shares(member))
            if job is None:
                continue
            member.standing = "working"
            self.progress.note(f"{job.file} on {member.device.name}")
            future = self.workforce.perform(self.task(job, member), self.timeout_s)
            self._working[future] = (member, job)

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
                self._hear(self._asked.pop(future), _state(future))

    def _conclude(self, member: Member, job: Job, outcome: Outcome) -> None:
        name = member.device.name
        if outcome.verdict == "busy":
            self.journal.again(job)
            self.fleet.busy(member, outcome.error, time.monotonic(), most_s=self.timeout_s)
            return
        if outcome.measurement is not None:
            self.journal.done(job, name, outcome.measurement)
            self.fleet.succeeded(member)
            self.progress.advance()
            return
        most = 1 if outcome.verdict == "refused" else self.attempts
        again = self.journal.failed(job, name, outcome.verdict, outcome.error, most=most)
        self.progress.advance(0 if again else 1)
        if outcome.verdict == "lost":
            self.fleet.absent(member, outcome.error, time.monotonic())
        elif outcome.verdict == "failed":
            self.fleet.failed(member, job.key, outcome.error)
        else:
            member.standing = "free"
        self._remember(member)

    def _hear(self, member: Member, state: State) -> None:
        if state.readiness == "ready":
            member.standing = "free"
        else:
            self.fleet.absent(member, f"{state.readiness}: {state.why}", time.monotonic())
        self._remember(member)

    def _remember(self, member: Member) -> None:
        if member.standing == "apart":
            quarantine.put(member.device, member.why)

    def _give_up(self) -> None:
        """Fail the jobs that nobody will ever do: waiting for a device that is gone has no end."""
        for place, count in self.journal.places().items():
            why = self.fleet.why_nobody(place)
            if why is not None:
                self.journal.give_up(place, why)
                self.progress.advance(count)


def _outcome(future: Future[Outcome]) -> Outcome:
    error = future.exception()
    if error is None:
        return future.result()
    told = str(error) if isinstance(error, DeviceError) else (
        f"a fault of edgekit, please report it: {type(error).__name__}: {one_line(error)}"
    )  # fmt: skip
    return Outcome(verdict="lost" if isinstance(error, DeviceLost) else "failed", error=told)


def _state(future: Future[State]) -> State:
    error = future.exception()
    return future.result() if error is None else State(
        readiness="unreachable", why=one_line(error)
    )  # fmt: skip
