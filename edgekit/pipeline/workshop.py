"""The stages that all targets of one source model share, each run at most once and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit import runtimes, source
from edgekit.artifact import MAIN_FILES, Artifact, TensorSpec
from edgekit.cache import Cache, tool_versions
from edgekit.calibrate.samples import Samples
from edgekit.errors import ExportError, MissingExtra, TraceError
from edgekit.npz import load_arrays, save_arrays
from edgekit.passes import Simulation
from edgekit.pipeline.evidence import random_evidence, witnesses
from edgekit.pipeline.floats import Disagrees, write_float
from edgekit.pipeline.keeper import Keeper
from edgekit.pipeline.options import Options
from edgekit.pipeline.simulated import SIMULATED, simulated_ranges
from edgekit.progress import Progress
from edgekit.quantizers.matching import Matching, match_artifact
from edgekit.quantizers.statistics import Statistics, collect
from edgekit.source import Mend, SourceModel
from edgekit.trace import Signature, Trace, computing_in_float32, freeze, recurrent, signature
from edgekit.trace.observe import Observer, activations, few_samples, filled
from edgekit.trace.outputs import leaves
from edgekit.trace.widen import widen

CALIBRATION_BATCH = 16
PROBES = 4
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a source model without loading it again."""

    name: str
    kind: str
    parameters: int
    mends: tuple[Mend, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    recurrent: bool


class Workshop:
    """One source model at fixed shapes, with everything that is made from it along the way.

    Args:
        given: A path, or a ``keras.Model``.
        options: Of the conversion.
        cache: Where results are kept.
        progress: Who listens.

    ``witness`` holds real samples, if there are any, to ask where random inputs say nothing.
    """

    def __init__(self, given: Any, options: Options, cache: Cache, progress: Progress) -> None:
        self.given, self.options = given, options
        self.keeper = Keeper(cache, progress)
        self.simulation: Simulation | None = None
        self.witness: Samples | None = None
        self._by_witness: dict[str, Path] = {}
        self._matchings: dict[str, Matching] = {}
        self._probed: dict[str, Arrays] = {}

    @cached_property
    def sha256(self) -> str:
        """Digest of the source."""
        if isinstance(self.given, (str, Path)):
            return source.digest(self.given)
        return self.loaded.sha256

    @cached_property
    def base(self) -> dict[str, Any]:
        """What every result depends on."""
        options = self.options
        return {
            "source": self.sha256,
            "shapes": {name: list(shape) for name, shape in options.input_shapes.items()},
            "dynamic_batch": options.dynamic_batch,
            "custom_objects": list(options.custom_objects),
            "allow_code": options.allow_code,
            "tools": tool_versions(),
        }

    @cached_property
    def loaded(self) -> SourceModel:
        """The model itself; loaded only when some result is missing."""
        with self.keeper.timed("load"):
            return source.load(
                self.given,
                custom_objects=self.options.custom_objects,
                allow_code=self.options.allow_code,
            )

    @cached_property
    def signature(self) -> Signature:
        """Names, static shapes and nesting of the inputs."""
        return signature(self.loaded.model, self.options.input_shapes)

    @cached_property
    def facts(self) -> Facts:
        """What the report says of the source."""
        folder = self.kept("facts", {}, self._write_facts)
        plain = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        return Facts(
            name=plain["name"],
            kind=plain["kind"],
            parameters=plain["parameters"],
            mends=tuple(Mend(**mend) for mend in plain["mends"]),
            inputs=_specs(plain["inputs"]),
            outputs=_specs(plain["outputs"]),
            recurrent=plain["recurrent"],
        )

    @property
    def is_known(self) -> bool:
        """Whether the source model was converted before, and the cache has its facts."""
        return self.keeper.has("facts", self.base, {})

    def _write_facts(self, folder: Path) -> None:
        loaded, trace = self.loaded, self.trace
        if self.keeper.is_shared:
            self._evidence()  # which another process would load the model again for
        facts = Facts(
            name=loaded.name, kind=loaded.kind, parameters=loaded.parameters, mends=loaded.mends,
            inputs=trace.inputs, outputs=trace.outputs, recurrent=recurrent(loaded.model),
        )  # fmt: skip
        (folder / "facts.json").write_text(json.dumps(asdict(facts)), encoding="utf-8")

    @cached_property
    def trace(self) -> Trace:
        """The frozen graph that is exported."""
        return self._trace("trace")

    @cached_property
    def static_trace(self) -> Trace:
        """The graph that is quantized on ranges, without loops: no quantizer enters them."""
        if not self.facts.recurrent:
            return self.trace
        return self._trace("trace-unrolled", unrolled=True)

    @cached_property
    def wide_trace(self) -> Trace:
        """The graph that is quantized on ranges, at the batch that calibration runs in."""

        def write(folder: Path) -> None:
            wide = widen(self.static_trace, CALIBRATION_BATCH)
            (wide or self._traced_wide()).save(folder)

        return Trace.restore(self.kept("trace-wide", {"batch": CALIBRATION_BATCH}, write))

    def _traced_wide(self) -> Trace:
        model, own, unrolled = self.loaded.model, self.signature, self.facts.recurrent
        try:
            return freeze(model, own.with_batch(CALIBRATION_BATCH), unrolled=unrolled)
        except TraceError:
            # A model of one fixed batch: calibration has to run in that.
            return freeze(model, own, unrolled=unrolled)

    def _trace(self, name: str, *, unrolled: bool = False) -> Trace:
        batch = None if self.options.dynamic_batch else 0

        def write(folder: Path) -> None:
            wanted = self.signature if batch == 0 else self.signature.with_batch(batch)
            freeze(self.loaded.model, wanted, unrolled=unrolled).save(folder)

        return Trace.restore(self.kept(name, {"batch": batch}, write))

    def float_artifact(self, kind: str, *, static: bool = False) -> Artifact:
        """Return the float artifact of a format, in parity with the source.

        On random inputs; where no file agrees there, on a few real samples: a model that was made
        for other numbers may answer random ones with nothing but rounding errors.

        Args:
            kind: The format.
            static: Whether it will be quantized on ranges: then recurrent layers are unrolled.
        """
        unrolled = static and self.facts.recurrent
        trace = self.static_trace if unrolled else self.trace
        name = f"export-{kind}-unrolled" if unrolled else f"export-{kind}"
        folder = self._by_witness.get(name)
        if folder is None:
            try:
                folder = self.kept(name, {}, lambda place: self._export(trace, kind, place))
            except Disagrees:
                if self.witness is None:
                    raise
                folder = self._exported_by(self.witness, trace, kind, name)
                self._by_witness[name] = folder
        return runtimes.describe(folder / MAIN_FILES[kind])

    def _export(self, trace: Trace, kind: str, place: Path) -> None:
        write_float(trace, kind, place, parity=self.parity, predict=self.predict)

    def _exported_by(self, witness: Samples, trace: Trace, kind: str, name: str) -> Path:
        """Return the folder of a float artifact that agrees on the first few of the samples."""

        def write(place: Path) -> None:
            inputs = witnesses(witness)
            parity, on = (inputs, self.predict(inputs)), f"samples of {witness.origin}"
            write_float(trace, kind, place, parity=parity, predict=self.predict, on=on)

        return self.kept(f"{name}-by-samples", {"data": witness.digest}, write)

    @cached_property
    def parity(self) -> tuple[Arrays, Arrays]:
        """Seeded random inputs and the source model's outputs for them."""
        folder = self._evidence()
        return load_arrays(folder / "inputs.npz"), load_arrays(folder / "outputs.npz")

    def _evidence(self) -> Path:
        def write(folder: Path) -> None:
            inputs, outputs = random_evidence(self.signature.specs, self.predict)
            save_arrays(folder / "inputs.npz", inputs)
            save_arrays(folder / "outputs.npz", outputs)

        return self.kept("parity", {}, write)

    def predict(self, inputs: Arrays) -> dict[str, NDArray[np.float32]]:
        """Run the source model itself, in Keras; it computes in float32 whatever its policy."""
        model, names = self.loaded.model, [spec.name for spec in self.trace.outputs]
        tensors = [np.asarray(inputs[s.name]).astype(s.dtype) for s in self.signature.specs]
        with computing_in_float32(model):
            flat = [leaf for _, leaf in leaves(model(self.signature.pack(tensors), training=False))]
        return {
            name: np.asarray(value).astype(np.float32)
            for name, value in zip(names, flat, strict=True)
        }

    def reference(self, samples: Samples, name: str) -> dict[str, NDArray[np.float32]]:
        """Return the source model's outputs for samples, kept under the samples' digest."""

        def run(arrays: Arrays) -> Arrays:
            return self.predict(arrays)

        # Eager activations stay allocated: few samples are not worth the peak that they cost.
        size = 8 if len(samples) <= 128 else 32
        return self._outputs("reference", samples, name, lambda: (run, size))

    def traced_reference(self, samples: Samples, name: str) -> dict[str, NDArray[np.float32]]:
        """Return the wide trace's outputs for samples: the source model's, several times as fast.

        For choosing among candidates. That the trace is right, the float files' parity proves.
        """
        return self._outputs("reference-traced", samples, name, self._traced_run)

    def traced_predictor(self) -> Callable[[Arrays], Arrays]:
        """Return what runs the wide trace: it gives what the source model does, unloaded."""
        run, size = self._traced_run()

        def predict(inputs: Arrays) -> Arrays:
            count = len(next(iter(inputs.values())))
            parts = [
                run({name: rows[start : start + size] for name, rows in inputs.items()})
                for start in range(0, count, size)
            ]
            return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

        return predict

    def _traced_run(self) -> tuple[Callable[[Arrays], Arrays], int]:
        trace = self.wide_trace
        observe, size = Observer(trace, trace.output_tensors), int(trace.inputs[0].shape[0] or 1)

        def run(arrays: Arrays) -> Arrays:
            count = len(next(iter(arrays.values())))
            values = observe(filled(arrays, size)).values()
            rows = [value[: len(value) // size * count] for value in values]
            return {spec.name: row for spec, row in zip(trace.outputs, rows, strict=True)}

        return run, size

    def _outputs(
        self, stage: str, samples: Samples, name: str,
        prepare: Callable[[], tuple[Callable[[Arrays], Arrays], int]],
    ) -> dict[str, NDArray[np.float32]]:  # fmt: skip
        def write(folder: Path) -> None:
            run, size = prepare()
            done: list[Arrays] = []
            for batch in samples.batches(size):
                done.append(run(batch.inputs))
                self.keeper.progress.advance(len(batch))
            whole = {key: np.concatenate([part[key] for part in done]) for key in done[0]}
            save_arrays(folder / "outputs.npz", whole)

        parts = {"data": samples.digest}
        folder = self.kept(stage, parts, write, name=name, total=len(samples))
        return load_arrays(folder / "outputs.npz")

    def matching(self, kind: str, samples: Samples, *, static: bool = True) -> Matching:
        """Return which tensors of a format's float file are which of the wide trace."""
        unrolled = static and self.facts.recurrent
        name = f"match-{kind}-unrolled" if unrolled else f"match-{kind}"
        if name not in self._matchings:
            probe = next(iter(samples.batches(PROBES))).inputs

            def write(folder: Path) -> None:
                artifact = self.float_artifact(kind, static=unrolled)
                match_artifact(artifact, probe, self._seen(probe)).save(folder)

            parts = {"data": samples.digest}
            self._matchings[name] = Matching.restore(self.kept(name, parts, write))
        return self._matchings[name]

    def _seen(self, probe: Arrays) -> Arrays:
        """Return what every activation of the wide trace holds for the probe; run once."""
        digest = hashlib.sha256(b"".join(np.ascontiguousarray(v).tobytes() for v in probe.values()))
        name = digest.hexdigest()
        if name not in self._probed:
            names, narrow = activations(self.wide_trace), self.static_trace
            alike = activations(narrow) == names
            self._probed = {name: few_samples(narrow if alike else self.wide_trace, names, probe)}
        return self._probed[name]

    def statistics(self, kinds: Sequence[str], samples: Samples) -> Statistics:
        """Collect statistics for all formats that will be quantized, in one run over the data.

        The files are matched in the order of ``kinds``; processes that share the work have others.
        """
        estimators = self.options.estimators if self.simulation is None else ("min-max",)
        matchings = {k: self.matching(k, samples) for k in kinds if self._can_be_written(k)}
        wanted = {tensor for found in matchings.values() for tensor in found.tensors.values()}

        def write(folder: Path) -> None:
            collect(
                self.wide_trace, samples, wanted, means=True,
                estimators=estimators, progress=self.keeper.progress.advance,
            ).save(folder)  # fmt: skip

        parts = {
            "data": samples.digest,
            "kinds": sorted(matchings),
            "estimators": estimators,
        }
        found = Statistics.restore(self.kept("calibrate", parts, write, total=len(samples)))
        if self.simulation is None:
            return found
        probe = next(iter(samples.batches(PROBES))).inputs
        ranges = simulated_ranges(self.loaded.model, self.simulation, probe, self._seen(probe))
        return replace(found, tables={SIMULATED: {**found.tables["min-max"], **ranges}})

    def _can_be_written(self, kind: str) -> bool:
        """Whether there is a float file of a format; if not, only that format's targets fail."""
        try:
            self.float_artifact(kind, static=self.facts.recurrent)
        except (ExportError, MissingExtra):
            return False
        return True

    @property
    def estimators(self) -> Sequence[str]:
        """Names of the tables of statistics that candidates are made from."""
        return self.options.estimators if self.simulation is None else (SIMULATED,)

    def kept(
        self, stage: str, parts: Mapping[str, Any], write: Callable[[Path], None], *,
        name: str = "", total: int | None = None,
    ) -> Path:  # fmt: skip
        """Return the folder of a stage's result; see ``Keeper.kept``."""
        return self.keeper.kept(stage, self.base, parts, write, name=name or stage, total=total)


def _specs(plain: Sequence[Mapping[str, Any]]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(**{**spec, "shape": tuple(spec["shape"])}) for spec in plain)
