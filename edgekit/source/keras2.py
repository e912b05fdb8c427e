"""Functions that kept their name from Keras 2 to Keras 3 and changed what they compute."""

from __future__ import annotations

from typing import Any

PACKAGE = "edgekit"


def activation(name: str) -> dict[str, Any] | None:
    """Return the configuration of Keras 2's activation where Keras 3's differs, else None.

    ``hard_sigmoid``: Keras 2 computes clip(0.2 x + 0.5, 0, 1), Keras 3 clip(x / 6 + 0.5, 0, 1).
    Nothing warns: LSTM layers of Keras 2.0 to 2.2 use it, and give other numbers.
    """
    if name != "hard_sigmoid":
        return None
    import keras

    full = f"{PACKAGE}>keras2_hard_sigmoid"
    if keras.saving.get_registered_object(full) is None:
        keras.saving.register_keras_serializable(PACKAGE)(keras2_hard_sigmoid)
    return {"module": __name__, "class_name": "function", "config": full, "registered_name": full}


def keras2_hard_sigmoid(x: Any) -> Any:
    """Compute clip(0.2 x + 0.5, 0, 1), as Keras up to 2.15 did."""
    import keras

    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)
