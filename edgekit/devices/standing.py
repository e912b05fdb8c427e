"""Whether a device can be measured on now, and what keeps it from that."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from edgekit.devices.backend import Readiness
from edgekit.devices.declaration import Device
from edgekit.devices.lease import holder
from edgekit.devices.quarantine import quarantine_of
from edgekit.devices.readiness import see


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a device stands; ``why`` is empty where it is ready."""

    state: Literal["quarantine", "in use"] | Readiness
    why: str = ""


def standing(device: Device, formats: Iterable[str] = ()) -> Standing:
    """Say how a device stands; ready is one that takes files of all these formats now.

    One that is kept apart, or that somebody measures on, is not asked whether it is ready.
    """
    if apart := quarantine_of(device):
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(apart.since_s))
        return Standing(state="quarantine", why=f"in quarantine since {since}: {apart.why}")
    if who := holder(device):
        return Standing(state="in use", why=f"in use by {who}")
    seen = see(device, formats)
    return Standing(state=seen.state.readiness, why=next(iter(seen.lacking.values()), ""))
