"""Where the account of a file on a device begins: which file, which device, and nothing learnt."""

from __future__ import annotations

from edgekit.artifact import Artifact
from edgekit.devices.declaration import Device
from edgekit.devices.figures import DeviceMeasurement, MemoryUse


def bare(device: Device, artifact: Artifact) -> DeviceMeasurement:
    """Return a measurement that names both and holds the file's size; the rest is put in place."""
    return DeviceMeasurement(
        device=device.name,
        kind=device.kind,
        description=device.description,
        file=str(artifact.path),
        format=artifact.format,
        sha256=artifact.sha256,
        memory=MemoryUse(artifact_kib=artifact.size_bytes / 1024),
    )
