"""ONNX: ONNX Runtime's QDQ on our ranges, with and without bias correction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from edgekit.quantizers import ort
from edgekit.quantizers.attempts import Attempt, Tried
from edgekit.quantizers.qdq_memory import Memory
from edgekit.quantizers.rounding import Correction
from edgekit.quantizers.routes.calibrated import Calibrated, first_best
from edgekit.quantizers.statistics import own_ranges


class OnnxRoute:
    """Static int8 ONNX."""

    suffix = "onnx"

    def __init__(self, calibrated: Calibrated) -> None:
        self._calibrated = calibrated
        self.corrections: list[Correction] = []
        self._memory = Memory()

    def attempts(self, tried: Sequence[Tried]) -> Iterator[Attempt]:
        """Yield attempts; ``tried`` grows meanwhile, and later ones build on the best so far."""
        if self._calibrated.trained:
            yield self._attempt(self._calibrated.estimators[0], corrected=False)
            return
        for estimator in self._calibrated.estimators:
            yield self._attempt(estimator, corrected=True)
        chosen = first_best(tried) or self._calibrated.estimators[0]
        yield self._attempt(chosen, corrected=False)

    def _attempt(self, estimator: str, *, corrected: bool) -> Attempt:
        return Attempt(
            quantizer="ONNX Runtime QDQ",
            estimator=estimator,
            bias_correction=corrected,
            build=partial(self._build, estimator, corrected),
        )

    def _build(self, estimator: str, corrected: bool, path: Path) -> None:
        import onnx

        model = self._corrected if corrected else self._folded
        ranges = {**self._native, **self._calibrated.ranges(estimator)}
        reduce_range = self._calibrated.quantization.reduce_range
        quantized = ort.quantize(model, ranges, reduce_range=reduce_range, memory=self._memory)
        onnx.save(quantized, str(path))

    @cached_property
    def _native(self) -> dict[str, tuple[float, float]]:
        calibrated = self._calibrated
        known = calibrated.matching.tensors
        return own_ranges(calibrated.artifact, calibrated.samples, known)

    @cached_property
    def _folded(self) -> Any:
        import onnx

        return onnx.load(str(self._calibrated.artifact.path))

    @cached_property
    def _corrected(self) -> Any:
        model = type(self._folded)()
        model.CopyFrom(self._folded)
        reduce_range = self._calibrated.quantization.reduce_range
        self.corrections = ort.correct(model, self._calibrated.means(), reduce_range=reduce_range)
        return model
