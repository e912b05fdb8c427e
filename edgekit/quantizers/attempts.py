"""Attempts at a quantized artifact, how each agrees with the source model, and which to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit import runtimes
from edgekit.errors import ArtifactError, DataError, EdgekitError, QuantizeError

Arrays = Mapping[str, NDArray[Any]]
SQNR_CAP_DB = 300.0


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One way to quantize: ``build`` writes the artifact at a path (its main file)."""

    quantizer: str
    estimator: str | None
    bias_correction: bool
    build: Callable[[Path], None]

    @property
    def name(self) -> str:
        """A short name for tables."""
        parts = [self.quantizer, self.estimator or "", "bias" if self.bias_correction else ""]
        return " + ".join(part for part in parts if part)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How an artifact agrees with the source model on the same samples.

    ``sqnr_db`` is that of the worst output, at most 300; ``agreement`` the share of samples with
    the same first class, None where outputs are no class scores.
    """

    sqnr_db: float
    agreement: float | None = None


@dataclass(frozen=True, kw_only=True)
class Tried:
    """An attempt with its artifact and figures, or with the problem that it ran into."""

    attempt: Attempt
    path: Path
    agreement: Agreement | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Judge:
    """Held-back samples and the source model's outputs for them."""

    inputs: Arrays
    reference: Arrays

    def __call__(self, path: Path) -> Agreement:
        """Run the artifact on the samples and compare.

        Raises:
            ArtifactError: it cannot run, or gives NaN or infinity.
        """
        outputs = runtimes.open_runner(runtimes.describe(path), threads=1).run(self.inputs)
        return agreement(self.reference, outputs)


def agreement(reference: Arrays, outputs: Arrays) -> Agreement:
    """Compare outputs by name.

    SQNR = 10 log10(sum r^2 / sum (r - o)^2), over all values of an output.

    Raises:
        ArtifactError: an output is missing, has another shape, or is not finite.
    """
    worst, same = SQNR_CAP_DB, []
    for name, wanted in reference.items():
        got = outputs.get(name)
        if got is None or got.shape != wanted.shape:
            came = "none" if got is None else str(got.shape)
            raise ArtifactError(f"output {name!r}: expected shape {wanted.shape}, got {came}")
        if not np.isfinite(got).all():
            raise ArtifactError(f"output {name!r} holds NaN or infinity")
        real = wanted.astype(np.float64)
        noise = float(np.square(real - got).sum())
        signal = float(np.square(real).sum())
        if noise > 0:
            worst = min(worst, 10 * np.log10(max(signal, 1e-30) / noise))
        if wanted.ndim == 2 and wanted.shape[1] > 1:
            same.append(float((wanted.argmax(-1) == got.argmax(-1)).mean()))
    return Agreement(sqnr_db=float(worst), agreement=min(same) if same else None)


def try_all(
    attempts: Iterable[Attempt], judge: Judge, folder: Path, suffix: str, *,
    done: list[Tried], tick: Callable[[int], None] | None = None,
) -> None:  # fmt: skip
    """Build and judge every attempt; one that fails is kept with its problem.

    ``done`` grows by one after each, before the next is asked for: a generator of attempts may
    look at it.
    """
    for number, attempt in enumerate(attempts):
        place = folder / f"attempt-{number}"
        place.mkdir(parents=True)
        done.append(_try(attempt, judge, place / f"model.{suffix}"))
        if tick is not None:
            tick(1)


def _try(attempt: Attempt, judge: Judge, path: Path) -> Tried:
    tried = Tried(attempt=attempt, path=path)
    try:
        attempt.build(path)
        return replace(tried, agreement=judge(path))
    except (QuantizeError, ArtifactError, DataError) as error:
        return replace(tried, problem=str(error))


def best(tried: Iterable[Tried]) -> Tried:
    """Return the attempt that agrees best with the source model, by SQNR.

    Raises:
        QuantizeError: none could be built and run; the text holds each one's problem.
    """
    candidates = list(tried)
    working = [t for t in candidates if t.agreement is not None]
    if not working:
        problems = "; ".join(f"{t.attempt.name}: {t.problem}" for t in candidates)
        raise QuantizeError(f"no quantizer could make it: {problems}")
    return max(working, key=_rank)


def _rank(tried: Tried) -> float:
    if tried.agreement is None:
        raise EdgekitError(f"{tried.attempt.name} was never judged")
    return tried.agreement.sqnr_db
