"""Entries of HTML pages for tests: full ones, and ones whose every name is hostile."""

from __future__ import annotations

import dataclasses
from typing import Any

from edgekit.devices.figures import DeviceMeasurement, Latency, MemoryUse, OperatorCost
from edgekit.manifest import FileDigest
from edgekit.report.details import Answers, Details, Flip, Spread, Tally
from edgekit.report.html import Entry
from edgekit.report.model import Report

BIDI = "\u202e\u2066\u200f"
HOSTILE = [
    "</script><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "\"' onmouseover='alert(1)' x=\"",
    "{{ 7 * 7 }}{% raw %}",
    "]]><svg onload=alert(1)>",
    f"user{BIDI}gpj.exe",
    "javascript:alert(1)",
    "\x00\x1b[2J\ud800",
    "x" * 100_000,
]
PIXEL = "iVBORw0KGgo="
FIXED = ("integer", "float", "none", "warning", "error")


def details(name: str = "conv", **changes: Any) -> Details:
    spread = Spread(name=name, low=-1.0, high=2.0, counts=(1, 5, 2), range_low=-1.1, range_high=1.5,
                    narrow_low=-0.4, narrow_high=0.4, clipped=0.001)  # fmt: skip
    flip = Flip(sample=3, actual=1, before=1, after=0, before_score=0.6, after_score=0.5,
                thumbnail=PIXEL)  # fmt: skip
    answers = Answers(
        classes=2, samples=500, became_wrong=7, to_wrong=(flip,),
        tallies=(Tally(actual=0, answer=0, before=250, after=249),
                 Tally(actual=1, answer=0, before=10, after=12)),
    )  # fmt: skip
    whole = Details(artifact_sha256="cd" * 32, weights=(spread,), activations=(spread,),
                    answers=answers)  # fmt: skip
    return dataclasses.replace(whole, **changes)


def a_device(name: str = "board", layer: str = "conv") -> DeviceMeasurement:
    return DeviceMeasurement(
        device=name, kind="emulated", description="a board", file="model.tflite", format="tflite",
        sha256="cd" * 32, memory=MemoryUse(artifact_kib=97.6, arena_kib=12.0),
        latency=Latency(ms=5.0, low_ms=4.0, high_ms=6.5, basis="modelled"),
        operators=(OperatorCost(index=0, kind="CONV_2D", layer=layer, instructions=900),
                   OperatorCost(index=1, kind="SOFTMAX", layer="s", instructions=100)),
        bases={"operators": "counted"},
    )  # fmt: skip


def an_entry(report: Report, name: str = "conv") -> Entry:
    files = {"model.tflite": FileDigest(sha256="ef" * 32, size_bytes=99936)}
    return Entry(report=report, details=details(name), files=files,
                 devices=(a_device(layer=name),))  # fmt: skip


def renamed(report: Report, name: str) -> Report:
    """Put a name wherever a model, a user or a board can."""

    def put(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            kept = ("target", "verdict", "evaluation", "compression")
            return dataclasses.replace(value, **{
                f.name: put(getattr(value, f.name)) for f in dataclasses.fields(value)
                if f.name not in kept and f.init
            })  # fmt: skip
        if isinstance(value, tuple):
            return tuple(map(put, value))
        return name if isinstance(value, str) and value not in FIXED else value

    target = dataclasses.replace(report.target, name=name)
    assert report.evaluation is not None
    evaluation = dataclasses.replace(report.evaluation, metric=name, method=name)
    return dataclasses.replace(put(report), target=target, evaluation=evaluation)
