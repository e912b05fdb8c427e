"""Attempts at a quantized artifact, how each agrees with the source model, and which to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path

from edgekit.errors import ArtifactError, DataError, QuantizeError

# Over eight architectures of keras.applications the second quantizer gained at most 0.1 dB.
_GOOD_DB = 20.0


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One way to quantize: ``build`` writes the artifact at a path (its main file).

    A draft is to compare by only: it holds more than what is handed over.
    """

    quantizer: str
    estimator: str | None
    bias_correction: bool
    build: Callable[[Path], None]
    is_draft: bool = False

    @property
    def name(self) -> str:
        """A short name for tables."""
        parts = [self.quantizer, self.estimator or "", "bias" if self.bias_correction else ""]
        return " + ".join(part for part in parts if part)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How an artifact agrees with the source model on the same samples.

    ``sqnr_db`` is that of the worst output, at most 300; ``agreement`` the share of samples with
    the same first class, None where outputs are no class scores; ``scores_db`` the SQNR with what
    softmaxes are given in the place of the probabilities that they make, None if not looked at.
    ``collapsed`` says that the SQNR is below what a target takes.
    """

    sqnr_db: float
    agreement: float | None = None
    scores_db: float | None = None
    collapsed: bool = False

    @property
    def rank(self) -> tuple[bool, float]:
        """What candidates are compared by: more is better."""
        return not self.collapsed, self.sqnr_db if self.scores_db is None else self.scores_db

    @property
    def is_good(self) -> bool:
        """Whether another quantizer, which rounds to the same grids, has nothing to add."""
        return self.rank >= (True, _GOOD_DB)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """An attempt with its artifact and figures, or with the problem that it ran into."""

    attempt: Attempt
    path: Path
    agreement: Agreement | None = None
    problem: str | None = None


Judge = Callable[[Path], Agreement]


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


def settled(tried: Iterable[Tried]) -> list[Tried]:
    """Return the attempts without the drafts of those that were built as well."""
    every = list(tried)
    built = {one.attempt.name for one in every if not one.attempt.is_draft}
    return [t for t in every if not t.attempt.is_draft or t.attempt.name not in built]


def leader(tried: Iterable[Tried]) -> Tried | None:
    """Return the attempt that agrees best with the source model, by SQNR before softmaxes."""
    ranked = [(t.agreement.rank, t) for t in tried if t.agreement is not None]
    return max(ranked, key=itemgetter(0))[1] if ranked else None


def best(tried: Iterable[Tried]) -> Tried:
    """Return the ``leader``.

    Raises:
        QuantizeError: none could be built and run; the text holds each one's problem.
    """
    candidates = list(tried)
    found = leader(candidates)
    if found is None:
        problems = "; ".join(f"{t.attempt.name}: {t.problem}" for t in candidates)
        raise QuantizeError(f"no quantizer could make it: {problems}")
    return found
