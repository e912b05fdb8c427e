"""Decides which device is given work: pure, and told the time."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from edgekit.devices.declaration import Device
from edgekit.devices.kinds import nature
from edgekit.farm.workforce import processors

Standing = Literal["free", "working", "resting", "asked", "apart"]
"""free: may be given work. working: has a job. resting: until a time, after it was lost or busy.
asked: whether it is back. apart: gets no more work."""

_PATIENCE = 3
_REST_S = (1.0, 5.0, 20.0)


@dataclass
class Member:
    """A device of the fleet, and how it stands.

    ``places`` are what it takes jobs for: its name and its pools. ``failed_at`` are the jobs that
    it failed at since it last did one; ``absences`` counts how often in a row it was not there.
    ``faulty`` is one that is kept apart for what it did, and not for what it lacks.
    ``lacking`` maps formats of files that it does not take now to why.
    """

    device: Device
    places: tuple[str, ...]
    standing: Standing = "free"
    until_s: float = 0.0
    why: str = ""
    failed_at: set[str] = field(default_factory=set)
    absences: int = 0
    busy_since_s: float | None = None
    faulty: bool = False
    lacking: Mapping[str, str] = field(default_factory=dict)


class Fleet:
    """The devices of a run.

    A device that fails at three jobs in a row, or is not there three times in a row, is kept apart.

    Args:
        devices: All that may be given work.
        members_of: The devices of each pool, by the pool's place.
        cpus: Processors that measurements on this machine share; None where somebody else does.
    """

    def __init__(
        self, devices: Iterable[Device], members_of: Mapping[str, Iterable[Device]],
        cpus: int | None,
    ) -> None:  # fmt: skip
        pools = {place: {d.name for d in members} for place, members in members_of.items()}
        self.members = {
            device.name: Member(
                device=device,
                places=(device.name, *(p for p, names in pools.items() if device.name in names)),
            )
            for device in devices
        }
        self._cpus = cpus

    def may_start(self, waiting: Collection[str], idle: Container[str] = ()) -> list[Member]:
        """Return the free devices that have work, those first that need all processors.

        ``waiting`` are the places that have jobs; devices named in ``idle`` take none of these.

        Where one that is timed on this machine has work, nothing else that computes here is
        started until it is done: a measurement is not to be disturbed.
        """
        able = [
            member for member in self.members.values()
            if member.standing == "free" and member.device.name not in idle
            and any(place in waiting for place in member.places)
        ]  # fmt: skip
        if self._cpus is None:
            return able
        working = [m for m in self.members.values() if m.standing == "working"]
        room = self._cpus - sum(self._share(m) for m in working)
        if any(nature(m.device.kind).timed_here for m in working):
            room = 0  # whatever number of processors it was given
        started = []
        for member in sorted(able, key=self._share, reverse=True):
            need = self._share(member)
            if need <= max(room, 0):
                started.append(member)
                room -= need
            elif need:
                room = 0  # it waits until what runs has ended; nobody overtakes
        return started

    def _share(self, member: Member) -> int:
        return processors(member.device, self._cpus or 0)

    def shares(self, member: Member) -> dict[str, bool]:
        """Return the places of a device, each with whether another takes all its jobs."""
        others = [o for o in self.living() if o is not member and not o.lacking]
        return {place: any(place in other.places for other in others) for place in member.places}

    def living(self) -> list[Member]:
        """Return the devices that get work, now or later."""
        return [member for member in self.members.values() if member.standing != "apart"]

    def succeeded(self, member: Member) -> None:
        """A device did a job."""
        member.standing, member.why, member.absences = "free", "", 0
        member.busy_since_s = None
        member.failed_at.clear()

    def failed(self, member: Member, key: str, why: str) -> None:
        """A device failed at a job, and is there."""
        member.failed_at.add(key)
        member.busy_since_s = None
        if len(member.failed_at) < _PATIENCE:
            member.standing, member.why = "free", why
        else:
            member.faulty = True
            self.part(member, f"failed at {_PATIENCE} jobs in a row: {why}")

    def lost(self, member: Member, key: str, why: str, now_s: float) -> None:
        """A device went away in the middle of a job; it rests, and is asked whether it is back."""
        self.failed(member, key, why)
        if member.standing == "free":
            self._rest(member, why, now_s + _REST_S[0])

    def back(self, member: Member, lacking: Mapping[str, str]) -> None:
        """A device is there; ``lacking`` are the formats that it does not take now."""
        member.standing, member.why, member.lacking = "free", "", lacking
        member.absences = 0

    def absent(self, member: Member, why: str, now_s: float) -> None:
        """A device is not there."""
        member.absences += 1
        if member.absences >= _PATIENCE:
            self.part(member, f"not there {_PATIENCE} times in a row: {why}")
        else:
            self._rest(member, why, now_s + _REST_S[min(member.absences, len(_REST_S)) - 1])

    def busy(self, member: Member, why: str, now_s: float, *, most_s: float) -> None:
        """Somebody else has a device; it gets no more work if that lasts longer than ``most_s``."""
        if member.busy_since_s is None or member.why != why:  # somebody else has it now
            member.busy_since_s = now_s
        if now_s - member.busy_since_s > most_s:
            self.part(member, f"still in use after {most_s:g} s: {why}")
        else:
            self._rest(member, why, now_s + _REST_S[0])

    def _rest(self, member: Member, why: str, until_s: float) -> None:
        member.standing, member.why, member.until_s = "resting", why, until_s

    def part(self, member: Member, why: str) -> None:
        """Give a device no more work."""
        member.standing, member.why = "apart", why

    def rested(self, now_s: float) -> list[Member]:
        """Return the devices whose rest is over."""
        return [
            m for m in self.members.values() if m.standing == "resting" and m.until_s <= now_s
        ]  # fmt: skip

    def next_event_s(self) -> float | None:
        """Return when the next rest is over; None if nobody rests."""
        return min(
            (m.until_s for m in self.members.values() if m.standing == "resting"), default=None
        )

    def taken_by_nobody(self, place: str) -> dict[str, str]:
        """Return formats that none of a place's living devices takes now, each with why."""
        takers = [member for member in self.living() if place in member.places]
        if not takers:
            return {}
        every = set.intersection(*(set(member.lacking) for member in takers))
        return {
            kind: "; ".join(f"{m.device.name}: {m.lacking[kind]}" for m in takers)
            for kind in sorted(every)
        }

    def why_nobody(self, place: str) -> str | None:
        """Return why no device will ever take a place's jobs; None if one will."""
        takers = [member for member in self.members.values() if place in member.places]
        if any(member.standing != "apart" for member in takers):
            return None
        return "; ".join(f"{m.device.name}: kept apart: {m.why}" for m in takers) or "no device"
