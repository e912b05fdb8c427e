"""Makes the artifact that a target asks for, and keeps account of what was tried."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import MAIN_FILES
from edgekit.auditing import audit, broken_promises
from edgekit.calibrate.samples import Samples
from edgekit.errors import ExportError, QuantizeError
from edgekit.extras import load
from edgekit.files import scratch
from edgekit.formats import openvino as openvino_files
from edgekit.passes import Treatment
from edgekit.pipeline.floats import MIN_PARITY_DB
from edgekit.pipeline.judge import Judge
from edgekit.pipeline.made import Made
from edgekit.pipeline.memory import give_back
from edgekit.pipeline.spreads import activation_spreads
from edgekit.pipeline.steadiness import Rounding, least_sqnr_db
from edgekit.pipeline.workshop import Workshop
from edgekit.progress import Progress
from edgekit.quantizers.attempts import Agreement, Tried, best, settled, try_all
from edgekit.quantizers.matching import Matching
from edgekit.quantizers.statistics import Statistics
from edgekit.report.details import Spread
from edgekit.report.model import Candidate
from edgekit.target import Target
from edgekit.trace.softmaxes import softmax_outputs

Arrays = Mapping[str, NDArray[Any]]
# A fifth of the samples is held back; of few samples more, or chance would choose.
HELD_BACK, MOST_SHARE = 0.2, 0.4
LEAST_HELD_BACK, MOST_HELD_BACK = 32, 128
# Below, a quantized file is off by a tenth of what it gives: it is handed over with a warning,
# unless it still tells the same classes.
POOR_DB, SAME_CLASSES = 20.0, 0.95


@dataclass(frozen=True, kw_only=True)
class Division:
    """Calibration samples: to take ranges from, and held back to compare candidates on."""

    fit: Samples
    held: Samples

    @classmethod
    def of(cls, samples: Samples) -> Division:
        """Hold a fifth back: at most 128 samples, and at least 32 if that is within two fifths."""
        least = min(MOST_SHARE, LEAST_HELD_BACK / len(samples))
        share = min(max(HELD_BACK, least), MOST_HELD_BACK / len(samples))
        fit, held = samples.split(share)
        return cls(fit=fit, held=held if len(held) else fit)


def make(
    workshop: Workshop, target: Target, folder: Path, *,
    division: Division | None, static: Sequence[str],
) -> Made:  # fmt: skip
    """Write the target's artifact into a folder.

    Args:
        workshop: The shared stages.
        target: What to make.
        folder: Where; the main file is called ``model``.
        division: Calibration samples, if there are any.
        static: Every format that this command quantizes on ranges; they are collected at once.

    Raises:
        ExportError: there is no float file that agrees with the source.
        QuantizeError: every quantized candidate has collapsed, or none could be made.
    """
    quantization = target.quantization
    if quantization.weights in ("float32", "float16"):
        if quantization.weights == "float32":
            _copy(workshop.float_artifact(target.format).files, folder)
        else:
            _half(workshop, target, folder)
        judge, judged_on = _judge(workshop, division, target)
        return _checked(judge, judged_on, target, folder, partial(_floor, workshop, judge))
    # Another process may be running the source model just now: it is asked for when needed.
    judged = cache(partial(_judge, workshop, division, target))
    with scratch() as place:
        observed: list[tuple[Matching, Statistics]] = []
        route = _route(workshop, target, division, static, observed)
        tried: list[Tried] = []
        count = len(workshop.estimators) + 3 if quantization.needs_calibration else 1
        with workshop.keeper.timed(f"quantize {target.name}", count) as bar:
            try_all(route.attempts(tried), lambda path: judged()[0](path), place, route.suffix,
                    done=tried, tick=partial(_after_attempt, bar))  # fmt: skip
        judge, judged_on = judged()
        tried = settled(tried)
        chosen = _keeping(tried, target)
        floor = partial(_floor, workshop, judge, traced=quantization.needs_calibration)
        warnings = _refuse_collapsed(chosen, tried, target, floor)
        _copy(tuple(sorted(chosen.path.parent.iterdir())), folder)
    activations, more = _activations(observed, chosen.attempt.estimator)
    return Made(
        agreement=chosen.agreement or Agreement(sqnr_db=0.0),
        judged_on=judged_on,
        candidates=tuple(_candidate(t, t is chosen) for t in tried),
        treatments=_treatments(route.corrections) if chosen.attempt.bias_correction else (),
        estimator=chosen.attempt.estimator,
        warnings=warnings,
        activations=activations,
        more_activations=more,
    )


def _activations(
    observed: Sequence[tuple[Matching, Statistics]], estimator: str | None
) -> tuple[tuple[Spread, ...], int]:
    """Return the spreads of what the ranges were taken from; none if no ranges were needed."""
    if not observed or estimator is None:
        return (), 0
    matching, statistics = observed[-1]
    table = statistics.tables.get(estimator, {})
    return activation_spreads(statistics.histograms, table, matching.tensors.values())


def _after_attempt(bar: Progress, count: int) -> None:
    give_back()
    bar.advance(count)


def _keeping(tried: list[Tried], target: Target) -> Tried:
    """Return the best attempt that keeps the target's promises; the best of all where none does.

    One that is passed over gets the broken promise as its problem, in place.
    """
    judged = [t for t in tried if t.agreement is not None and not t.attempt.is_draft]
    left = [t for t in judged if _is_alive(t)] or judged
    while left:
        chosen = best(left)
        broken = broken_promises(audit(chosen.path, packed=False), target)
        if not broken:
            return chosen
        left.remove(chosen)
        tried[tried.index(chosen)] = replace(chosen, problem=f"breaks a promise: {broken[0]}")
    return best(t for t in tried if not t.attempt.is_draft)


def _is_alive(tried: Tried) -> bool:
    return tried.agreement is not None and not tried.agreement.collapsed


def _judge(workshop: Workshop, division: Division | None, target: Target) -> tuple[Judge, str]:
    least_db, traced = target.quality.min_sqnr_db, target.quantization.needs_calibration
    if division is None:
        inputs, reference = workshop.parity
        judge = Judge(inputs=inputs, reference=reference, least_db=least_db)
        return judge, "seeded random inputs"
    batches = list(division.held.batches(64))
    held = {n: np.concatenate([b.inputs[n] for b in batches]) for n in batches[0].inputs}
    learn = workshop.traced_reference if traced else workshop.reference
    reference = learn(division.held, "reference (held back)")
    softmaxes = softmax_outputs(workshop.trace) if traced else frozenset[str]()
    judge = Judge(inputs=held, reference=reference, softmaxes=softmaxes, least_db=least_db)
    return judge, f"{len(division.held)} held-back samples"


def _route(
    workshop: Workshop, target: Target, division: Division | None, static: Sequence[str],
    observed: list[tuple[Matching, Statistics]],
) -> Any:  # fmt: skip
    """Return what yields attempts; the statistics that they ask for are noted in ``observed``."""
    from edgekit.quantizers import routes

    static_route = target.quantization.needs_calibration
    # TFLite's quantizers store the weights inside loops as integers, those of the others do not.
    unrolled = static_route or target.format != "tflite"
    artifact = workshop.float_artifact(target.format, static=unrolled)
    if division is None:
        return routes.PlainRoute(artifact, target.quantization)
    if not static_route:

        def means() -> Arrays:
            statistics = workshop.statistics(static, division.fit)
            return workshop.matching(target.format, division.fit, static=unrolled).means(statistics)

        return routes.PlainRoute(artifact, target.quantization, means)

    def observe() -> tuple[Matching, Statistics]:
        statistics = workshop.statistics(static, division.fit)
        observed.append((workshop.matching(target.format, division.fit), statistics))
        return observed[-1]

    return routes.STATIC[target.format](
        routes.Calibrated(
            artifact=artifact,
            inputs=workshop.facts.inputs,
            quantization=target.quantization,
            samples=division.fit,
            observe=observe,
            estimators=workshop.estimators,
            trained=workshop.simulation is not None,
        )
    )


def _half(workshop: Workshop, target: Target, folder: Path) -> None:
    """Write half precision; each format has its own way."""
    if target.format == "tflite":
        from edgekit.exporters import tflite

        content = tflite.export(workshop.trace, weights="float16")
        (folder / "model.tflite").write_bytes(content)
        return
    path = workshop.float_artifact(target.format).path
    if target.format == "openvino":
        ov = load("openvino")

        model = ov.Core().read_model(str(path))
        openvino_files.save(model, folder / "model.xml", half=True)
        return
    from edgekit.exporters.onnx import in_half_precision

    in_half_precision(path, folder / "model.onnx")


def _checked(
    judge: Judge, judged_on: str, target: Target, folder: Path, floor: Callable[[Target], float]
) -> Made:
    agreement = judge(folder / MAIN_FILES[target.format])
    got, least = agreement.sqnr_db, target.quality.min_sqnr_db
    is_float = target.quantization.weights == "float32"
    if got >= (max(least, MIN_PARITY_DB) if is_float else least):
        return Made(agreement=agreement, judged_on=judged_on, warnings=_poor(agreement))
    excused = got >= floor(target)
    if got < least and not excused:
        raise ExportError(
            f"the file agrees with the source model by {got:.1f} dB "
            f"only, expected at least {least:g}; nothing was written"
        )
    warnings = (_unsteady(got),) if excused else _poor(agreement)
    return Made(agreement=agreement, judged_on=judged_on, warnings=warnings)


def _poor(agreement: Agreement) -> tuple[str, ...]:
    """Return a warning where a file that is handed over gives much else than the source model."""
    got, same = agreement.sqnr_db, agreement.agreement
    if got >= POOR_DB or (same is not None and same >= SAME_CLASSES):
        return ()
    return (
        f"low-agreement: the file agrees with the source model by {got:.1f} dB only: outputs are "
        f"off by {10 ** (-got / 20):.2f} of their size; --layers says where that comes from; check "
        "the file on labelled data, or take a target with wider activations",
    )


def _unsteady(sqnr_db: float) -> str:
    return (
        f"unsteady-model: the file agrees with the source model by {sqnr_db:.1f} dB only, but the "
        "model hardly agrees with itself when nothing but its input is rounded: untrained "
        "weights do that; check the file on labelled data"
    )


def _refuse_collapsed(
    chosen: Tried, tried: Sequence[Tried], target: Target, floor: Callable[[Target], float]
) -> tuple[str, ...]:
    """Raise if the best candidate is no good; return a warning if the model itself is to blame."""
    if _is_alive(chosen):
        return _poor(chosen.agreement) if chosen.agreement else ()
    got = chosen.agreement.sqnr_db if chosen.agreement else -np.inf
    if got >= floor(target):
        return (_unsteady(got),)
    figures = ", ".join(
        f"{t.attempt.name} {t.agreement.sqnr_db:.1f} dB" for t in tried if t.agreement is not None
    )
    raise QuantizeError(
        f"every candidate has collapsed ({figures}), expected at least "
        f"{target.quality.min_sqnr_db:g} dB of agreement with the source model; nothing was "
        "written. Give more or other calibration samples, or a target with wider activations"
    )


def _floor(workshop: Workshop, judge: Judge, target: Target, *, traced: bool = False) -> float:
    weights = target.quantization.weights
    rounding: Rounding = "int8" if weights == "int4" else weights
    predict = workshop.traced_predictor() if traced else workshop.predict
    return least_sqnr_db(predict, judge.inputs, judge.reference, rounding)


def _candidate(tried: Tried, chosen: bool) -> Candidate:
    got = tried.agreement
    return Candidate(
        name=tried.attempt.name,
        quantizer=tried.attempt.quantizer,
        estimator=tried.attempt.estimator,
        bias_correction=tried.attempt.bias_correction,
        sqnr_db=got.sqnr_db if got else None,
        scores_db=got.scores_db if got else None,
        agreement=got.agreement if got else None,
        chosen=chosen,
        problem=tried.problem,
    )


def _treatments(corrections: Sequence[Any]) -> tuple[Treatment, ...]:
    return tuple(
        Treatment(layer=c.layer, skipped=c.skipped)
        if c.skipped
        else Treatment(layer=c.layer, done=f"bias corrected by at most {c.largest:.3g}")
        for c in corrections
    )


def _copy(files: Sequence[Path], folder: Path) -> None:
    for file in files:
        shutil.copyfile(file, folder / file.name)
