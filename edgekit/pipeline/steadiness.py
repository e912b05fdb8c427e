"""How steady a source model is: what it makes of the least disturbance that a precision brings.

Some models, untrained ones above all, blow up rounding errors layer by layer. No file can agree
with such a model better than it agrees with itself when nothing but its input is rounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgekit.pipeline.judge import agreement

Arrays = Mapping[str, NDArray[Any]]
Rounding = Literal["int8", "float16", "float32"]
_BATCH = 32
# What the layers of a file add to what its rounded input does, in dB: generous for int8, where
# each of a hundred layers rounds weights and activations anew.
# A model that agrees with itself this well when its input is rounded to 8 bits is steady: whatever
# ruins a file of it is not the model's fault, and nothing is forgiven. Trained models are above.
STEADY_DB = 20.0
MARGIN_DB: Mapping[str, float] = {"int8": 20.0, "float16": 10.0, "float32": 0.0}


def least_sqnr_db(
    predict: Callable[[Arrays], Arrays], inputs: Arrays, reference: Arrays, rounding: Rounding
) -> float:
    """Return the SQNR in dB below which a file is worse than the model's own unsteadiness.

    Infinite for 8 bits where the model is steady.

    Args:
        predict: The source model.
        inputs: Samples, by input name.
        reference: Its outputs for them.
        rounding: What the inputs are disturbed like: rounded to 256 levels over their span, to
            half precision, or by one part in a million (many roundings to float32).
    """
    disturbed = {name: _disturbed(value, rounding) for name, value in inputs.items()}
    count = len(next(iter(disturbed.values())))
    parts = [
        predict({name: value[start : start + _BATCH] for name, value in disturbed.items()})
        for start in range(0, count, _BATCH)
    ]
    outputs = {name: np.concatenate([part[name] for part in parts]) for name in reference}
    own = agreement(reference, outputs).sqnr_db
    steady = rounding == "int8" and own >= STEADY_DB
    return math.inf if steady else own - MARGIN_DB[rounding]


def _disturbed(value: NDArray[Any], rounding: Rounding) -> NDArray[Any]:
    if value.dtype.kind != "f" or value.size == 0:
        return value
    if rounding == "int8":
        step = float(np.ptp(value)) / 255 or 1.0
        rounded = (np.round(value / step) * step).astype(value.dtype)
        # Whole numbers may be indices: that a model reads others otherwise is not unsteadiness.
        return np.where(value == np.rint(value), value, rounded)
    if rounding == "float16":
        return value.astype(np.float16).astype(value.dtype)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], value.shape)
    return (value * (1 + signs * 2.0**-20)).astype(value.dtype)
