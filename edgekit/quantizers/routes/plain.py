"""Targets that need no calibration: weights stored as integers, or quantized as it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from edgekit.artifact import Artifact
from edgekit.quantizers import litert, nncf, ort
from edgekit.quantizers.attempts import Attempt, Tried
from edgekit.quantizers.rounding import Correction
from edgekit.quantizers.routes.calibrated import write
from edgekit.target import Quantization

_RECIPES = {
    ("int8", "dynamic"): "dynamic_wi8_afp32",
    ("int8", "float32"): "weight_only_wi8_afp32",
    ("int4", "dynamic"): "dynamic_wi4_afp32",
    ("int4", "float32"): "weight_only_wi4_afp32",
}


class PlainRoute:
    """Weight-only and dynamic quantization of a float artifact, in any format."""

    def __init__(self, artifact: Artifact, quantization: Quantization) -> None:
        self._artifact = artifact
        self._quantization = quantization
        self.suffix = artifact.path.suffix.removeprefix(".")
        self.corrections: list[Correction] = []

    def attempts(self, tried: Sequence[Tried]) -> Iterator[Attempt]:
        """Yield the one attempt there is."""
        quantizer, build = {
            "tflite": ("litert-quantizer", self._tflite),
            "openvino": ("NNCF", self._openvino),
            "onnx": ("ONNX Runtime", self._onnx),
        }[self._artifact.format]
        yield Attempt(quantizer=quantizer, estimator=None, bias_correction=False, build=build)

    def _tflite(self, path: Path) -> None:
        recipe = _RECIPES[(self._quantization.weights, self._quantization.activations)]
        write(path, litert.quantize(self._artifact.path.read_bytes(), recipe))

    def _openvino(self, path: Path) -> None:
        import openvino as ov

        model = ov.Core().read_model(str(self._artifact.path))
        ov.save_model(nncf.compress_weights(model), str(path), compress_to_fp16=False)

    def _onnx(self, path: Path) -> None:
        ort.quantize_dynamic(
            self._artifact.path, path, reduce_range=self._quantization.reduce_range
        )
