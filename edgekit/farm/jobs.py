"""What a farm is to do: each file on each device, and on one of each pool."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgekit import cache
from edgekit.artifact import Artifact
from edgekit.farm.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Job:
    """One file on one device, or on one of a pool (``pool:`` and its labels).

    ``key`` names it by all that its result depends on, but for the device that does it.
    """

    key: str
    place: str
    file: str


def jobs(plan: Plan, artifacts: Iterable[Artifact]) -> Iterator[Job]:
    """Yield one job after the other; nothing is kept.

    The key is over the file's content, how it is measured, data by their content, the versions of
    the tools that shape a figure, and edgekit's own code. Data that are code are never the same.
    """
    data = [_content(text) for text in (plan.measure.data, plan.measure.evaluate)]
    asked = cache.key("measure", measure=plan.measure, data=data, tools=cache.tool_versions())
    places = [*plan.devices, *(f"pool:{pool}" for pool in plan.pools)]
    for artifact in artifacts:
        sha256 = artifact.sha256
        for place in dict.fromkeys(places):
            text = "\0".join((sha256, str(artifact.path), place, asked))
            key = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
            yield Job(key=key, place=place, file=str(artifact.path))


def _content(text: str | None) -> str:
    if text is None:
        return ""
    path = Path(text)
    if not path.exists():
        return secrets.token_hex(16) if ":" in text else text
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(f"{file.relative_to(path)}\0{file.stat().st_size}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
