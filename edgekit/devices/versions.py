"""Holds the runtime that a device declares against the one that ran."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.devices.declaration import Device


def other_version(device: Device, ran: Mapping[str, str]) -> tuple[str, ...]:
    """Return a warning if another runtime ran than is declared, or another version of it.

    Args:
        device: What is declared.
        ran: Name of each distribution that took part, to its version.
    """
    wanted = device.runtime
    if wanted is None:
        return ()
    version = ran.get(wanted.name)
    said = ", ".join(f"{name} {each}".rstrip() for name, each in ran.items())
    if version is None:
        return (f"expected {wanted.name} {wanted.version}".rstrip() + f", as declared; {said} ran",)
    if wanted.version in ("", version):
        return ()
    return (f"expected {wanted.name} {wanted.version}, as declared; {said} ran",)
