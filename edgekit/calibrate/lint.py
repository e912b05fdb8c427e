"""The lint: what is wrong with calibration samples, said before anything is quantized."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgekit.calibrate.facts import ModelFacts
from edgekit.calibrate.fit import row_shape, show
from edgekit.calibrate.samples import Samples
from edgekit.calibrate.scaling import scaling_verdict
from edgekit.calibrate.scan import Scan, scan
from edgekit.errors import DataError

FEW = 32
MOST_DUPLICATES = 0.2
MOST_CHANNELS = 4096

Code = Literal[
    "unreadable", "wrong-shape", "wrong-dtype", "not-finite", "constant-input", "constant-feature",
    "too-few-samples", "one-class", "duplicate-samples", "wrong-scaling",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong with the samples; ``code`` stays the same, docs/data.md explains it.

    An ``error`` makes the ranges worthless; a ``warning`` makes them doubtful.
    """

    code: Code
    severity: Literal["error", "warning"]
    text: str


def lint(samples: Samples, facts: ModelFacts) -> list[Finding]:
    """Say what is wrong with samples, errors first; reads all of them once.

    Args:
        samples: What ranges will be taken from.
        facts: What the model says about its input, by ``facts.gather``.
    """
    found = list(_misfits(samples, facts))
    try:
        seen = scan(samples)
    except DataError as error:
        return [*found, Finding(code="unreadable", severity="error", text=str(error))]
    for findings in (_values(seen), _crowd(samples, seen)):
        found += findings
    constant = any(finding.code == "constant-input" for finding in found)
    verdict = None if constant else scaling_verdict(facts, seen.inputs)
    if verdict is not None:
        severity, text = verdict
        found.append(Finding(code="wrong-scaling", severity=severity, text=text))
    return sorted(found, key=lambda finding: finding.severity)


def _misfits(samples: Samples, facts: ModelFacts) -> Iterator[Finding]:
    have = {spec.name: spec for spec in samples.inputs}
    for spec in facts.inputs:
        mine = have.get(spec.name)
        if mine is None:
            text = f"the samples lack input {spec.name!r}; they have {', '.join(have)}"
            yield Finding(code="wrong-shape", severity="error", text=text)
            continue
        row = tuple(n or 1 for n in mine.shape[1:])
        if row_shape(row, spec.shape[1:]) is None and None not in mine.shape[1:]:
            text = f"input {spec.name!r} takes {show(spec.shape[1:])}, samples are {show(row)}"
            yield Finding(code="wrong-shape", severity="error", text=text)
        if mine.dtype != spec.dtype:
            text = f"input {spec.name!r} takes {spec.dtype}, samples are {mine.dtype}"
            yield Finding(code="wrong-dtype", severity="error", text=text)


def _values(seen: Scan) -> Iterator[Finding]:
    for name, each in seen.inputs.items():
        if each.not_finite:
            text = (
                f"input {name!r}: {len(each.not_finite)} samples hold NaN or infinity, the first "
                f"is sample {each.not_finite[0]}; mend or remove them"
            )
            yield Finding(code="not-finite", severity="error", text=text)
        if each.lo > each.hi:
            continue
        if each.lo == each.hi:
            text = f"input {name!r} is {each.lo:g} everywhere; give real samples"
            yield Finding(code="constant-input", severity="error", text=text)
            continue
        still = np.flatnonzero(each.low == each.high)
        if len(still) and len(each.low) <= MOST_CHANNELS:
            text = (
                f"input {name!r}: {len(still)} of {len(each.low)} channels never change "
                f"(the first is {int(still[0])}); are the samples varied enough?"
            )
            yield Finding(code="constant-feature", severity="warning", text=text)


def _crowd(samples: Samples, seen: Scan) -> Iterator[Finding]:
    if len(samples) < FEW:
        text = (
            f"{len(samples)} samples; ranges from fewer than {FEW} are unsafe, 100 to 500 are usual"
        )
        yield Finding(code="too-few-samples", severity="warning", text=text)
    classes = samples.classes()
    if classes is not None and len(classes) > 1 and len(np.unique(classes)) == 1:
        text = f"all samples are of class {int(classes[0])}; give some of every class"
        yield Finding(code="one-class", severity="warning", text=text)
    if seen.duplicates > MOST_DUPLICATES * len(samples):
        text = (
            f"{seen.duplicates} of {len(samples)} samples are copies of others; give different ones"
        )
        yield Finding(code="duplicate-samples", severity="warning", text=text)
