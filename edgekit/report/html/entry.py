"""What a page is made of: reports, each with its details, its files' digests and its devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgekit.devices.figures import DeviceMeasurement
from edgekit.manifest import FileDigest
from edgekit.report.details import Details
from edgekit.report.model import Report


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One artifact. ``files`` are those of its manifest, ``devices`` what it costs elsewhere.

    Without ``details``, the page says that they were not given.
    """

    report: Report
    details: Details | None = None
    files: Mapping[str, FileDigest] = field(default_factory=dict)
    devices: tuple[DeviceMeasurement, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A target, or a file on a device, for which there is no figure, and why."""

    name: str
    why: str
