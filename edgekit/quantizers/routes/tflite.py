"""TFLite: the converter's quantizer on our ranges; litert-quantizer where that is no good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path

from edgekit.formats import tflite as flatbuffer
from edgekit.quantizers import bias, litert, tflite
from edgekit.quantizers.attempts import Attempt, Tried
from edgekit.quantizers.indices import whole_steps
from edgekit.quantizers.masks import find_masks, soften_masks
from edgekit.quantizers.rounding import Correction
from edgekit.quantizers.routes.calibrated import Calibrated, first_best, write
from edgekit.quantizers.spelling import respell

_ROOM = 2.0  # one of 16 bits
# The two quantizers round to the same grids: where one agrees this well, the other adds nothing.
_GOOD_DB = 20.0


class TfliteRoute:
    """Static integer TFLite."""

    suffix = "tflite"

    def __init__(self, calibrated: Calibrated) -> None:
        self._calibrated = calibrated
        wide = calibrated.quantization.activations == "int16"
        self._float = respell(calibrated.artifact.path.read_bytes(), wide=wide)
        if find_masks(self._float):
            first = flatbuffer.ranges(flatbuffer.parse(self._native_ranges()))
            self._float = soften_masks(self._float, first)
        self.corrections: list[Correction] = []

    def attempts(self, tried: Sequence[Tried]) -> Iterator[Attempt]:
        """Yield attempts; ``tried`` grows meanwhile, and later ones build on the best so far."""
        if self._calibrated.quantization.activations == "int16":
            yield from self._int16()
            return
        if self._calibrated.trained:
            yield self._converter(self._calibrated.estimators[0], corrected=False)
            return
        for estimator in self._calibrated.estimators:
            yield self._converter(estimator, corrected=True)
        chosen = first_best(tried) or self._calibrated.estimators[0]
        yield self._converter(chosen, corrected=False)
        if self._calibrated.quantization.io == "int8" and not _is_good(tried):
            yield self._litert(chosen)

    def _converter(self, estimator: str, *, corrected: bool) -> Attempt:
        return Attempt(
            quantizer="TFLite converter",
            estimator=estimator,
            bias_correction=corrected,
            build=partial(self._build, estimator, corrected),
        )

    def _build(self, estimator: str, corrected: bool, path: Path) -> None:
        content = self._corrected if corrected else self._ranged
        io = self._calibrated.quantization.io
        write(path, tflite.quantize(content, self._ranges(estimator), io=io))

    def _litert(self, estimator: str) -> Attempt:
        def build(path: Path) -> None:
            ranges = {**self._native, **self._ranges(estimator)}
            write(path, litert.quantize(self._float, "static_wi8_ai8", ranges))

        return Attempt(
            quantizer="litert-quantizer", estimator=estimator, bias_correction=False, build=build
        )

    def _int16(self) -> Iterator[Attempt]:
        """16-bit activations cover any range: min and max, and room beyond for other samples."""
        calibrated = self._calibrated

        def convert(path: Path) -> None:
            write(path, tflite.quantize_int16(
                self._float, calibrated.inputs, calibrated.samples, io=calibrated.quantization.io
            ))  # fmt: skip

        def modern(path: Path) -> None:
            tight = {**self._native, **self._ranges("min-max")}
            ranges = {name: (low * _ROOM, high * _ROOM) for name, (low, high) in tight.items()}
            write(path, litert.quantize(self._float, "static_wi8_ai16", ranges))

        ways = (("TFLite converter", convert), ("litert-quantizer", modern))
        # Neither enters loops; the first one says so in a way that helps.
        for quantizer, build in ways[:1] if flatbuffer.has_loops(self._float) else ways:
            yield Attempt(
                quantizer=quantizer, estimator="min-max", bias_correction=False, build=build
            )

    def _ranges(self, estimator: str) -> dict[str, tuple[float, float]]:
        """Return the trace's ranges by tensor name; inputs go by that of the signature there."""
        found = self._calibrated.ranges(estimator)
        inputs = {t: found[name] for t, name in self._inputs.items() if name in found}
        return whole_steps(flatbuffer.parse(self._float), {**inputs, **found}, self._seen)

    @cached_property
    def _seen(self) -> dict[str, tuple[float, float]]:
        """From the least to the largest value of each tensor, where that was collected."""
        found = self._calibrated.extremes()
        return {**{t: found[name] for t, name in self._inputs.items() if name in found}, **found}

    @cached_property
    def _inputs(self) -> dict[str, str]:
        return flatbuffer.input_tensors(flatbuffer.parse(self._float))

    @cached_property
    def _ranged(self) -> bytes:
        """The float file; with the converter's own ranges where the trace does not show all."""
        known = {*self._calibrated.matching.tensors, *self._inputs}
        if flatbuffer.activation_names(flatbuffer.parse(self._float)) <= known:
            return self._float
        return self._native_ranges()

    def _native_ranges(self) -> bytes:
        calibrated = self._calibrated
        return tflite.native_ranges(self._float, calibrated.inputs, calibrated.samples)

    @cached_property
    def _native(self) -> dict[str, tuple[float, float]]:
        return flatbuffer.ranges(flatbuffer.parse(self._ranged))

    @cached_property
    def _corrected(self) -> bytes:
        model = flatbuffer.parse(self._ranged)
        self.corrections = bias.correct(model, self._calibrated.means())
        return flatbuffer.pack(model)


def _is_good(tried: Sequence[Tried]) -> bool:
    return any(t.agreement is not None and t.agreement.sqnr_db >= _GOOD_DB for t in tried)
