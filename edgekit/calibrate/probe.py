"""Asks a classifier itself which scaling of the samples it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Run = Callable[[Sequence[Array]], Array]

# What people do to pictures, and its inverse; the text goes into the finding.
CANDIDATES: dict[str, Callable[[Array], Array]] = {
    "x / 255": lambda x: x / 255,
    "x / 127.5 - 1": lambda x: x / 127.5 - 1,
    "x * 255": lambda x: x * 255,
    "(x + 1) * 127.5": lambda x: (x + 1) * 127.5,
    "x * 2 - 1": lambda x: x * 2 - 1,
    "(x + 1) / 2": lambda x: (x + 1) / 2,
}
SURE = 0.9999


@dataclass(frozen=True, kw_only=True)
class Answers:
    """How a classifier answers to some samples.

    ``recall`` is the mean share of right answers of the classes, ``None`` without labels.
    ``saturated`` is the share of samples whose likeliest class has at least 0.9999; ``confidence``
    its mean probability, 0 for a guess and 1 for certainty; ``spread`` the standard deviation of
    the probabilities over samples; ``commonest`` the share of the most frequent answer.
    """

    recall: float | None
    saturated: float
    confidence: float
    spread: float
    commonest: float


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Answers to the samples as they are, and to the one rescaling that suits the model better."""

    given: Answers
    better: str | None = None
    then: Answers | None = None


def probe(run: Run, inputs: Sequence[Array], labels: Array | None) -> Probe | None:
    """Compare the answers to the samples with those to rescaled samples.

    Further scalings are tried only where the answers are suspicious: wrong, all certain, or all
    the same. ``None`` where the output is not a distribution over classes (or, with labels, scores
    of them).

    Args:
        run: The model.
        inputs: Samples for each input; only floating-point ones are rescaled.
        labels: The class of each sample, or ``None``.
    """
    given = _answers(run(inputs), labels)
    if given is None or not suspicious(given):
        return None if given is None else Probe(given=given)
    for text, rescale in CANDIDATES.items():
        changed = [rescale(x).astype(x.dtype) if x.dtype.kind == "f" else x for x in inputs]
        with np.errstate(all="ignore"):
            then = _answers(run(changed), labels)
        if then is not None and suits_better(then, given):
            return Probe(given=given, better=text, then=then)
    return Probe(given=given)


def suspicious(given: Answers) -> bool:
    """Say whether answers could come from wrong scaling."""
    wrong = given.recall is not None and given.recall < 0.7
    return wrong or given.saturated >= 0.97 or given.spread < 0.03


def suits_better(then: Answers, given: Answers) -> bool:
    """Say whether other answers are so much more sensible that the scaling must be wrong.

    With labels: a quarter more of them right. Also: answers that were all certain become graded,
    or answers that were all the same become different; in both cases confident and varied, and
    not less right.
    """
    if more_right(then, given):
        return True
    if given.recall is not None and then.recall is not None and then.recall < given.recall - 0.05:
        return False
    out_of_range = given.saturated >= 0.97 or given.spread < 0.03
    graded = then.saturated < 0.9 and then.confidence > 0.3
    return out_of_range and graded and then.spread > 0.1 and then.commonest < 0.7


def more_right(then: Answers, given: Answers) -> bool:
    """Say whether labels prove that other answers are better."""
    if given.recall is None or then.recall is None:
        return False
    return then.recall - given.recall >= 0.25 and then.recall >= 0.5


def _answers(output: Array, labels: Array | None) -> Answers | None:
    p = np.asarray(output, np.float64)
    if p.ndim != 2 or p.shape[1] < 2 or not np.isfinite(p).all():
        return None
    distribution = bool((p >= 0).all() and np.allclose(p.sum(axis=1), 1, atol=1e-2))
    fits = labels is not None and labels.min() >= 0 and labels.max() < p.shape[1]
    classes = np.unique(labels) if labels is not None and fits else np.empty(0)
    if not distribution and len(classes) < 2:
        return None
    said, top, guess = p.argmax(axis=1), p.max(axis=1), 1 / p.shape[1]
    return Answers(
        recall=float(np.mean([(said[labels == c] == c).mean() for c in classes]))
        if len(classes) >= 2
        else None,
        saturated=float((top >= SURE).mean()),
        confidence=float((top.mean() - guess) / (1 - guess)),
        spread=float(p.std(axis=0).max()),
        commonest=float(np.bincount(said).max() / len(said)),
    )
