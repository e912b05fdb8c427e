"""Quantizes a float TFLite file with litert-quantizer, on statistics made elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.errors import QuantizeError
from edgekit.files import scratch
from edgekit.formats import tflite


def quantize(
    content: bytes, recipe: str, ranges: Mapping[str, tuple[float, float]] | None = None, *,
    algorithm: str = "min-max",
) -> bytes:  # fmt: skip
    """Quantize by one of the library's recipes, such as ``dynamic_wi8_afp32``.

    Static recipes take ``ranges`` by tensor name: the library's own calibration keeps a moving
    average that clips. ``algorithm`` is how weights are rounded: min-max, mse or octav. Operators
    that a recipe does not support stay in float without a word; the audit tells.

    Raises:
        QuantizeError: the library refuses.
    """
    from litert_quantizer import quantizer
    from litert_quantizer import recipe as recipes
    from litert_quantizer.algorithm_manager import AlgorithmName

    chosen = {
        "min-max": AlgorithmName.MIN_MAX_UNIFORM_QUANT,
        "mse": AlgorithmName.MSE,
        "octav": AlgorithmName.OCTAV,
    }[algorithm]

    names = tflite.io_names(tflite.parse(content))
    with scratch() as folder:
        path = folder / "float.tflite"
        path.write_bytes(content)
        try:
            with warnings.catch_warnings():  # the library's own use of the interpreter warns
                warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors")
                engine = quantizer.Quantizer(str(path))
                engine.load_quantization_recipe(getattr(recipes, recipe)(algorithm_key=chosen))
                result = engine.quantize(_statistics(ranges) if ranges is not None else None)
        except Exception as error:
            raise QuantizeError(f"litert-quantizer refuses: {_line(error)}") from error
    return tflite.rename_io(bytes(result.quantized_model), *names)


def _statistics(ranges: Mapping[str, tuple[float, float]]) -> dict[str, dict[str, Any]]:
    return {
        name: {"min": np.array([[low]], np.float32), "max": np.array([[high]], np.float32)}
        for name, (low, high) in ranges.items()
    }


def _line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:300]
