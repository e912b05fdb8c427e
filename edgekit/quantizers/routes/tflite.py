"""TFLite: the converter's quantizer on our ranges; litert-quantizer where that is no good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from edgekit.formats import tflite as flatbuffer
from edgekit.quantizers import bias, litert, rescale, tflite
from edgekit.quantizers.attempts import Attempt, Tried, leader, settled
from edgekit.quantizers.indices import whole_steps
from edgekit.quantizers.masks import find_masks, soften_masks
from edgekit.quantizers.rounding import Correction
from edgekit.quantizers.routes.calibrated import Calibrated, first_best, write
from edgekit.quantizers.spelling import respell

Table = Mapping[int, tuple[float, float]]
_ROOM = 2.0  # one of 16 bits


class TfliteRoute:
    """Static integer TFLite.

    ``_float`` is the float file, and ``_read`` the same as objects: to read from only.
    """

    suffix = "tflite"

    def __init__(self, calibrated: Calibrated) -> None:
        self._calibrated = calibrated
        wide = calibrated.quantization.activations == "int16"
        self._float = respell(calibrated.artifact.path.read_bytes(), wide=wide)
        self._read = flatbuffer.parse(self._float)
        if find_masks(self._read):
            first = flatbuffer.ranges(flatbuffer.parse(self._native_ranges()))
            self._float = soften_masks(self._float, first)
            self._read = flatbuffer.parse(self._float)
        self.corrections: list[Correction] = []

    def attempts(self, tried: Sequence[Tried]) -> Iterator[Attempt]:
        """Yield attempts; ``tried`` grows meanwhile, and later ones build on the best so far."""
        if self._calibrated.quantization.activations == "int16":
            yield from self._int16()
            return
        if self._calibrated.trained:
            yield self._converter(self._calibrated.estimators[0], corrected=False)
            return
        yield from self._estimated(tried)
        chosen = first_best(tried) or self._calibrated.estimators[0]
        good = any(one.agreement is not None and one.agreement.is_good for one in tried)
        if self._calibrated.quantization.io == "int8" and not good:
            yield self._litert(chosen)

    def _estimated(self, tried: Sequence[Tried]) -> Iterator[Attempt]:
        """Yield an attempt for each estimator, and one on the best without corrected biases.

        One is quantized, the others are drafts of it where that can be: files that show more than
        the best of them does when it is written in the end.
        """
        names = list(self._calibrated.estimators)
        tables = rescale.effective(self._ranged, [self._ranges(name) for name in names])
        first = rescale.most_telling(tables)
        names.insert(0, names.pop(first))
        tables.insert(0, tables.pop(first))
        yield self._converter(names[0], corrected=True)
        drafts = self._drafts(tried[-1], tables) if len(names) > 1 else None
        by_name = dict(zip(names, tables, strict=True))

        def attempt(name: str, *, corrected: bool, shown: bool = True) -> Attempt:
            made = self._converter(name, corrected=corrected)
            if drafts is None:
                return made
            real = self._mended if corrected else self._read

            def build(path: Path) -> None:
                try:
                    content = drafts.draft(by_name[name], rescale.biases(real), shown=shown)
                except rescale.NotPlain:
                    made.build(path)
                else:
                    write(path, content)

            return replace(made, build=build, is_draft=shown)

        for name in names[1:]:
            yield attempt(name, corrected=True)
        chosen = first_best(tried) or names[0]
        yield attempt(chosen, corrected=False)
        while (leads := leader(settled(tried))) is not None and leads.attempt.is_draft:
            how = leads.attempt
            yield attempt(how.estimator or chosen, corrected=how.bias_correction, shown=False)

    def _drafts(self, built: Tried, tables: Sequence[Table]) -> rescale.Drafts | None:
        if built.problem is not None:
            return None
        try:
            return rescale.Drafts(self._mended, built.path.read_bytes(), tables)
        except rescale.NotPlain:
            return None

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
        return whole_steps(self._read, {**inputs, **found}, self._seen)

    @cached_property
    def _seen(self) -> dict[str, tuple[float, float]]:
        """From the least to the largest value of each tensor, where that was collected."""
        found = self._calibrated.extremes()
        return {**{t: found[name] for t, name in self._inputs.items() if name in found}, **found}

    @cached_property
    def _inputs(self) -> dict[str, str]:
        return flatbuffer.input_tensors(self._read)

    @cached_property
    def _ranged(self) -> bytes:
        """The float file; with the converter's own ranges where the trace does not show all."""
        known = {*self._calibrated.matching.tensors, *self._inputs}
        if flatbuffer.activation_names(self._read) <= known:
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
        return flatbuffer.pack(self._mended)

    @cached_property
    def _mended(self) -> Any:
        """The float model with corrected biases; to read from only."""
        model = flatbuffer.parse(self._ranged)
        self.corrections = bias.correct(model, self._calibrated.means())
        return model
