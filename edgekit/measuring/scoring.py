"""Runs files over evaluation data on devices and here, and compares the scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit import runtimes
from edgekit.accuracy import Metric, metric
from edgekit.artifact import Artifact, TensorSpec
from edgekit.calibrate.samples import Samples
from edgekit.calibrate.sources import open_samples
from edgekit.devices.accuracy import accuracy
from edgekit.devices.backend import Backend, Computes
from edgekit.devices.declaration import Device
from edgekit.devices.figures import DeviceAccuracy, DeviceMeasurement
from edgekit.devices.kinds import nature
from edgekit.errors import DataError
from edgekit.pipeline.labels import check_labels
from edgekit.pipeline.learn import answers
from edgekit.progress import Progress

_SLOW_SAMPLES = 200
_COMPARED = 8  # samples, of which outputs are shown beside this host's
_BYTES, _MOST = 64 * 2**20, 512  # that a device is given at once: real values, and samples


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What this host computes of some samples, their labels, and what ran here."""

    samples: Samples
    outputs: Mapping[str, NDArray[np.float32]]
    labels: Any
    host: str


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """What to run and to score with; keeps this host's answers, which several devices share.

    Args:
        data: In the forms of ``edgekit.evaluate``.
        metric: By name; None: only how many samples differ.
        output: The output that the metric is for.
        samples: How many to use, stratified where labels are classes; None: 200 on devices that
            are slow, all on others.
    """

    data: Any
    metric: str | None = None
    output: str | None = None
    samples: int | None = None
    kept: dict[tuple[Path, int | None], Reference] = field(default_factory=dict)

    def check(self, artifacts: list[Artifact]) -> None:
        """Refuse what cannot be scored, before anything runs.

        Raises:
            OptionError, UnknownName: the metric cannot be taken.
            DataError: the data cannot be read, do not fit a file, or lack labels.
        """
        self._metric()
        for artifact in artifacts:
            check_labels(self._samples(artifact, 1), self.metric)

    def score(
        self, device: Device, backend: Computes, artifact: Artifact, progress: Progress
    ) -> DeviceAccuracy:
        """Run a file over the samples on a device.

        Raises:
            DeviceError, ArtifactError: see ``Computes.outputs``.
            DataError: samples or labels do not fit.
        """
        known = self._reference(device, artifact, progress)
        run = partial(backend.outputs, device, artifact)
        with progress.stage(f"evaluate on {device.name}", len(known.samples)):
            outputs, _ = answers(
                run, known.samples, list(known.outputs), tick=progress.advance,
                batch=at_once(artifact),
            )  # fmt: skip
        return accuracy(
            outputs, known.outputs, known.labels, self._metric(), output=self.output,
            data=known.samples.origin, available=len(known.samples.source), host=known.host,
        )  # fmt: skip

    def _metric(self) -> Metric | None:
        return metric(self.metric) if self.metric else None

    def _samples(self, artifact: Artifact, count: int | None) -> Samples:
        return open_samples(self.data, real_inputs(artifact), count=count, seed=0, options=None)

    def _reference(self, device: Device, artifact: Artifact, progress: Progress) -> Reference:
        usual = _SLOW_SAMPLES if nature(device.kind).slow else None
        count = self.samples or usual
        key = (artifact.path, count)
        if key not in self.kept:
            self.kept[key] = self._run_here(artifact, count, progress)
        return self.kept[key]

    def _run_here(self, artifact: Artifact, count: int | None, progress: Progress) -> Reference:
        samples, runner = self._samples(artifact, count), runtimes.open_runner(artifact)
        names = [spec.name for spec in artifact.outputs]
        with progress.stage("evaluate here", len(samples)):
            outputs, labels = answers(
                runner.run, samples, names, tick=progress.advance, batch=at_once(artifact)
            )
        if not all(np.isfinite(rows).all() for rows in outputs.values()):
            raise DataError(f"{artifact.path}: gives NaN or infinity here; check file and samples")
        host = ", ".join(f"{name} {version}" for name, version in runner.versions.items())
        return Reference(samples=samples, outputs=outputs, labels=labels, host=host)


def scored(
    found: DeviceMeasurement, device: Device, backend: Backend, artifact: Artifact,
    scoring: Scoring, progress: Progress,
) -> DeviceMeasurement:  # fmt: skip
    """Add what the file scores there; or why that is not known.

    Raises:
        DeviceError, ArtifactError, DataError: see ``Scoring.score``.
    """
    if found.misfits:
        return found
    if not isinstance(backend, Computes):
        said = f"not evaluated: devices of kind {device.kind} do not hand out what they compute"
        return replace(found, warnings=(*found.warnings, said))
    return replace(found, accuracy=scoring.score(device, backend, artifact, progress))


def compared_on(data: Any, artifact: Artifact) -> Mapping[str, Any] | None:
    """Return the few samples on which outputs are compared; None without data.

    Raises:
        DataError: the data do not fit the file's inputs.
    """
    if data is None:
        return None
    samples = open_samples(data, real_inputs(artifact), count=_COMPARED, seed=0, options=None)
    return next(iter(samples.batches(_COMPARED))).inputs


def at_once(artifact: Artifact) -> int:
    """Return how many samples a device is given at once, so that memory stays bounded."""
    values = sum(_size(spec) for spec in (*artifact.inputs, *artifact.outputs))
    return int(np.clip(_BYTES // (4 * max(values, 1)), 1, _MOST))


def _size(spec: TensorSpec) -> int:
    return int(np.prod([size or 1 for size in spec.shape[1:]], dtype=object))


def real_inputs(artifact: Artifact) -> list[TensorSpec]:
    """Return a file's inputs as taking real values, where they take integers for these."""
    return [
        replace(spec, dtype="float32", scale=None, zero_point=None) if spec.scale else spec
        for spec in artifact.inputs
    ]
