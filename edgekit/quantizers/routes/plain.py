"""Targets that need no ranges: weights stored as integers, or quantized as it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.extras import load
from edgekit.formats import openvino as openvino_files
from edgekit.formats import tflite as flatbuffer
from edgekit.quantizers import bias, litert, nncf, ort
from edgekit.quantizers.attempts import Attempt, Tried
from edgekit.quantizers.rounding import Correction, on_best_grid
from edgekit.quantizers.routes.calibrated import write
from edgekit.quantizers.spelling import respell_lookups
from edgekit.target import Quantization

_RECIPES = {
    ("int8", "dynamic"): "dynamic_wi8_afp32",
    ("int8", "float32"): "weight_only_wi8_afp32",
    ("int4", "dynamic"): "dynamic_wi4_afp32",
    ("int4", "float32"): "weight_only_wi4_afp32",
}
_INT4_GRID: bias.Grid = partial(on_best_grid, top=7)

Means = Callable[[], Mapping[str, NDArray[np.float32]]]


class PlainRoute:
    """Weight-only and dynamic quantization of a float artifact, in any format.

    ``means`` gives mean maps by the artifact's tensor names, None where there is no calibration.
    """

    def __init__(
        self, artifact: Artifact, quantization: Quantization, means: Means | None = None
    ) -> None:
        self._artifact = artifact
        self._quantization = quantization
        self._means = means
        self.suffix = artifact.path.suffix.removeprefix(".")
        self.corrections: list[Correction] = []

    def attempts(self, tried: Sequence[Tried]) -> Iterator[Attempt]:
        """Yield the attempts: one, but for 4 bits, where how weights are rounded matters most."""
        if self._artifact.format == "tflite":
            yield from self._tflite()
            return
        quantizer, build = {
            "openvino": ("NNCF", self._openvino),
            "onnx": ("ONNX Runtime", self._onnx),
        }[self._artifact.format]
        yield Attempt(quantizer=quantizer, estimator=None, bias_correction=False, build=build)

    def _tflite(self) -> Iterator[Attempt]:
        narrow = self._quantization.weights == "int4"
        for algorithm in ("min-max", "mse", "octav") if narrow else ("min-max",):
            yield self._litert(algorithm, partial(self._rounded, algorithm))
        if narrow:
            yield self._litert("least squares", partial(self._baked, False))
            if self._means is not None:
                yield self._litert("least squares", partial(self._baked, True), corrected=True)

    def _litert(self, rounding: str, build: Any, *, corrected: bool = False) -> Attempt:
        return Attempt(
            quantizer=f"litert-quantizer ({rounding} weights)",
            estimator=None,
            bias_correction=corrected,
            build=build,
        )

    @property
    def _recipe(self) -> str:
        return _RECIPES[(self._quantization.weights, self._quantization.activations)]

    def _rounded(self, algorithm: str, path: Path) -> None:
        content = respell_lookups(self._artifact.path.read_bytes())
        write(path, litert.quantize(content, self._recipe, algorithm=algorithm))

    def _baked(self, corrected: bool, path: Path) -> None:
        """Put the weights onto the grid of least error first; then min-max finds it again."""
        model = flatbuffer.parse(respell_lookups(self._artifact.path.read_bytes()))
        if corrected and self._means is not None:
            self.corrections = bias.correct(model, self._means(), grid=_INT4_GRID)
        bias.bake(model, _INT4_GRID)
        write(path, litert.quantize(flatbuffer.pack(model), self._recipe))

    def _openvino(self, path: Path) -> None:
        ov = load("openvino")

        model = ov.Core().read_model(str(self._artifact.path))
        openvino_files.save(nncf.compress_weights(model), path)

    def _onnx(self, path: Path) -> None:
        ort.quantize_dynamic(
            self._artifact.path, path, reduce_range=self._quantization.reduce_range
        )
