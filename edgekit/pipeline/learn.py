"""What is learnt about a finished artifact: audit, accuracy, layers, latency, budgets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit import runtimes
from edgekit.accuracy import Evaluation, LayerErrors, compare_layers, evaluate, metric
from edgekit.artifact import Artifact
from edgekit.bench import measure, slower_than
from edgekit.calibrate.samples import Samples
from edgekit.pipeline.labels import joined, labels_of
from edgekit.pipeline.workshop import Workshop
from edgekit.report.model import Latency, Report
from edgekit.target import Target

_LAYER_SAMPLES = 16


def evaluated(
    workshop: Workshop, artifact: Artifact, samples: Samples, target: Target
) -> Evaluation:
    """Run source and artifact on the same samples and compare."""
    options = workshop.options
    reference = workshop.reference(samples, "reference (evaluate)")
    runner = runtimes.open_runner(artifact, threads=options.threads)
    parts: list[Mapping[str, NDArray[Any]]] = []
    labels: list[Any] = []
    with workshop.timed(f"evaluate {target.name}", len(samples)) as bar:
        for batch in samples.batches(64):
            parts.append(runner.run(batch.inputs))
            labels.append(labels_of(batch, list(reference)))
            bar.advance(len(batch))
    outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return evaluate(
        reference,
        outputs,
        joined(labels),
        metric(options.metric) if options.metric else None,
        output=options.output,
        seed=options.seed or 0,
    )


def layer_errors(
    workshop: Workshop, artifact: Artifact, samples: Samples, target: Target
) -> LayerErrors:
    """Compare the artifact, tensor by tensor, with the float file of the same trace."""
    static = target.quantization.needs_calibration
    baseline = workshop.float_artifact(artifact.format, static=static)
    few = next(iter(samples.batches(_LAYER_SAMPLES))).inputs
    with workshop.timed("layers"):
        pair = (runtimes.tensors(baseline, few), runtimes.tensors(artifact, few))
        return compare_layers([pair])


def latency(workshop: Workshop, artifact: Artifact, target: Target) -> Latency:
    """Measure the artifact and the float file of the same format, in processes of their own."""
    threads = workshop.options.threads
    with workshop.timed(f"measure {target.name}"):
        own = measure(artifact, threads=threads, min_seconds=0.5)
        if target.quantization.weights == "float32":
            return Latency(artifact=own)
        baseline = measure(workshop.float_artifact(target.format), threads=threads, min_seconds=0.5)
    return Latency(artifact=own, float_baseline=baseline, warning=slower_than(own, baseline))


def missed_budgets(report: Report) -> tuple[str, ...]:
    """Compare the figures with the target's budget; a figure that is missing is missed."""
    budget, said = report.target.budget, []
    own = report.latency.artifact if report.latency else None
    figures: list[tuple[str, float | None, float | None, bool]] = [
        ("latency_ms", own.median_ms if own else None, budget.latency_ms, True),
        ("size_kib", report.artifact.size_bytes / 1024, budget.size_kib, True),
        ("peak_memory_mib", own.peak_memory_mib if own else None, budget.peak_memory_mib, True),
        (
            "accuracy_drop_pp",
            report.evaluation.drop_pp if report.evaluation else None,
            budget.accuracy_drop_pp,
            True,
        ),
        ("sqnr_db", report.parity_sqnr_db, budget.sqnr_db, False),
    ]
    for name, figure, limit, at_most in figures:
        if limit is None:
            continue
        if figure is None:
            said.append(f"{name}: expected {limit:g}, not measured")
        elif figure > limit if at_most else figure < limit:
            said.append(
                f"{name}: expected {'at most' if at_most else 'at least'} {limit:g}, "
                f"got {figure:.4g}"
            )
    return tuple(said)
