"""What is learnt about a finished artifact: accuracy, layers, latency, budgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit import runtimes
from edgekit.accuracy import (
    Evaluation,
    LayerErrors,
    StepErrors,
    collect,
    compare_layers,
    evaluate,
    metric,
)
from edgekit.artifact import Artifact
from edgekit.bench import Measurement, Waiting, measure, slower_than
from edgekit.calibrate.samples import Samples
from edgekit.errors import QuantizeError
from edgekit.pipeline.labels import joined, labels_of
from edgekit.pipeline.model_latency import LEAST_SECONDS
from edgekit.pipeline.options import Options
from edgekit.pipeline.simulated import against_simulation
from edgekit.pipeline.workshop import Workshop
from edgekit.report.budgets import budgets
from edgekit.report.model import Latency, Report
from edgekit.target import Target

Arrays = Mapping[str, NDArray[Any]]
_BATCH = 64
_LAYER_SAMPLES = 16

# Of first classes, between a file and its simulation; of trained models it is above 0.99.
LEAST_AGREEMENT = 0.9


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluated:
    """An evaluation, and the outputs and labels that it was computed from."""

    found: Evaluation
    reference: Arrays
    outputs: Arrays
    labels: Any
    samples: Samples


def evaluated(
    workshop: Workshop, artifact: Artifact, samples: Samples, target: Target
) -> Evaluated:
    """Run source and artifact on the same samples and compare."""
    options = workshop.options
    reference = workshop.reference(samples, "reference (evaluate)")
    runner = runtimes.open_runner(artifact, threads=options.threads)
    with workshop.keeper.timed(f"evaluate {target.name}", len(samples)) as bar:
        outputs, labels = answers(runner.run, samples, list(reference), tick=bar.advance)
    found = evaluate(
        reference,
        outputs,
        labels,
        metric(options.metric) if options.metric else None,
        output=options.output,
        seed=options.seed or 0,
    )
    return Evaluated(
        found=found, reference=reference, outputs=outputs, labels=labels, samples=samples
    )


def answers(
    run: Callable[[Arrays], Arrays], samples: Samples, outputs: Sequence[str], *,
    tick: Callable[[int], None], batch: int = _BATCH,
) -> tuple[dict[str, NDArray[np.float32]], Any]:  # fmt: skip
    """Return what ``run`` gives for all samples, by output name, and the labels of ``outputs``.

    ``run`` is given at most ``batch`` samples at a time; ``tick`` hears how many are done.

    Raises:
        DataError: all outputs together are more than memory should hold; see ``collect``.
    """
    labels: list[Any] = []

    def inputs() -> Iterator[Arrays]:
        for some in samples.batches(batch):
            labels.append(labels_of(some, outputs))
            yield some.inputs
            tick(len(some))

    return collect(run, inputs()), joined(labels)


def layer_errors(
    workshop: Workshop, artifact: Artifact, samples: Samples, target: Target
) -> LayerErrors:
    """Compare the artifact, tensor by tensor, with the float file of the same trace."""
    static = target.quantization.needs_calibration
    baseline = workshop.float_artifact(artifact.format, static=static)
    with workshop.keeper.timed("layers"):
        return tensor_errors(baseline, artifact, samples)


def tensor_errors(
    baseline: Artifact, artifact: Artifact, samples: Samples, *,
    inputs: Mapping[str, str] | None = None,
) -> LayerErrors:  # fmt: skip
    """Compare two files, tensor by tensor, on the first sixteen samples.

    Args:
        baseline: The float file, which takes the samples by their own names.
        artifact: The file that is held against it.
        samples: For the model's inputs.
        inputs: The artifact's name of each input; the same names if left out.
    """
    few = next(iter(samples.batches(_LAYER_SAMPLES))).inputs
    fed = few if inputs is None else {inputs[name]: array for name, array in few.items()}
    return compare_layers([(runtimes.tensors(baseline, few), runtimes.tensors(artifact, fed))])


def held_against(
    workshop: Workshop, artifact: Artifact, samples: Samples | None, target: Target
) -> StepErrors | None:
    """Compare the artifact with the simulation of its model, if that was trained for integers.

    Raises:
        QuantizeError: the file computes something else than what was trained.
    """
    simulation = workshop.simulation
    if simulation is None or samples is None or not target.quantization.needs_calibration:
        return None
    with workshop.keeper.timed(f"simulate {target.name}"):
        found = against_simulation(workshop, artifact, simulation, samples)
    if found.agreement is not None and found.agreement < LEAST_AGREEMENT:
        raise QuantizeError(
            f"the file gives another first class than the simulation that its model was trained in "
            f"on {100 * (1 - found.agreement):.1f} % of {found.samples} samples, expected at most "
            f"{100 * (1 - LEAST_AGREEMENT):g} %; nothing was written. Leave layers out with qat's "
            "skip, or convert to another format"
        )
    return found


@contextmanager
def measuring(options: Options, target: Target, *, plain: bool) -> Iterator[tuple[Waiting, ...]]:
    """Start the processes that will time a target's file and its float baseline, if any shall.

    A float file is its own baseline where the source model is converted as it is (``plain``).
    """
    count = 1 if plain and target.quantization.weights == "float32" else 2
    with ExitStack() as stack:
        wanted = count if options.measure else 0
        yield tuple(stack.enter_context(Waiting(target.format)) for _ in range(wanted))


def latency(
    workshop: Workshop, artifact: Artifact, target: Target, processes: Sequence[Waiting]
) -> Latency:
    """Measure the artifact, and the source model's float file if there is a second process."""
    figures: list[Measurement] = []
    with workshop.keeper.timed(f"measure {target.name}"):
        for process in processes:
            file = workshop.float_artifact(target.format) if figures else artifact
            figures.append(
                measure(
                    file,
                    threads=workshop.options.threads,
                    min_seconds=LEAST_SECONDS,
                    within=process,
                )
            )
    if len(figures) == 1:
        return Latency(artifact=figures[0])
    own, baseline = figures
    return Latency(artifact=own, float_baseline=baseline, warning=slower_than(own, baseline))


def missed_budgets(report: Report) -> tuple[str, ...]:
    """Compare the figures with the target's budget; a figure that is missing is missed."""
    return tuple(budget.line for budget in budgets(report) if not budget.kept)
