"""Lets ONNX Runtime's quantizer work on each weight once, however often a model is quantized."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any


class Memory:
    """What the quantizer made of the weights of one model, which no activation range changes.

    For one model, its biases apart, and one setting of the weights; half of the time goes there.
    """

    def __init__(self) -> None:
        self._grids: dict[str, Any] = {}
        self._rounded: dict[str, tuple[Any, Any]] = {}

    def quantizer(self) -> type:
        """Return a ``QDQQuantizer`` that takes the scales of weights from here."""
        from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

        grids = self._grids

        class Remembering(QDQQuantizer):  # type: ignore[misc]
            def _calc_initializer_quant_params(self) -> dict[str, Any]:
                constants = {weight.name for weight in self.model.initializer()}
                wanted = self.tensors_to_quantize.keys() & constants
                if not wanted <= grids.keys():
                    grids.update(copy.deepcopy(super()._calc_initializer_quant_params()))
                # In the order of its own, which is that of the file; and it may change them.
                return {n: copy.deepcopy(grids[n]) for n in self.tensors_to_quantize if n in wanted}

        return Remembering

    @contextlib.contextmanager
    def rounding(self) -> Iterator[None]:
        """Let the quantizer take rounded weights from here, as long as their scales are the same.

        It rounds channel by channel in Python, by a function of its module.
        """
        from onnxruntime.quantization import qdq_quantizer

        rounded, known = qdq_quantizer.quantize_onnx_initializer, self._rounded

        def remembered(
            weight: Any, kind: Any, zero: Any, scale: Any, *args: Any, **more: Any
        ) -> Any:
            grid = (zero.tobytes(), scale.tobytes(), kind, args, tuple(more.items()))
            if known.get(weight.name, (None,))[0] != grid:
                known[weight.name] = grid, rounded(weight, kind, zero, scale, *args, **more)
            return known[weight.name][1]

        qdq_quantizer.quantize_onnx_initializer = remembered
        try:
            yield
        finally:
            qdq_quantizer.quantize_onnx_initializer = rounded
