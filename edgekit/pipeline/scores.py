"""Class scores, as they were before a last softmax.

A softmax that is sure of its class hides every error: on a few held-back samples the probabilities
of good and bad candidates hardly differ, and what they are made from does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_LEAST = float(np.log(1e-13))  # what is less probable is out of the question, however much less


def of_probabilities(values: Array) -> Array:
    """Return centred logarithms of probabilities, which are at least 1e-13."""
    with np.errstate(divide="ignore"):
        return _centred(np.log(np.maximum(values.astype(np.float64), 0.0)))


def of_logits(values: Array) -> Array:
    """Return the same for what a softmax is given."""
    logits = values.astype(np.float64) - values.max(axis=-1, keepdims=True)
    return _centred(logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True)))


def _centred(logarithms: Array) -> Array:
    kept = np.maximum(logarithms, _LEAST)
    return np.asarray(kept - kept.mean(axis=-1, keepdims=True))
