"""The training data of a run: opened when somebody needs them, and named by what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import TensorSpec
from edgekit.calibrate.arrays import in_memory
from edgekit.calibrate.functions import POOL
from edgekit.calibrate.profile import FUNCTION, find_profile
from edgekit.calibrate.samples import Samples
from edgekit.calibrate.sources import open_samples
from edgekit.errors import DataError
from edgekit.pipeline.options import Options
from edgekit.progress import Progress
from edgekit.training import Fitted, Trainer, TrainingOptions

Rows = dict[str, list[NDArray[Any]]]
_BATCH = 64


class Recording(Trainer):
    """A trainer of one pass: checkpoints in a folder of its own, and account of what was trained.

    Args:
        trainer: Whose data it trains on.
        folder: Where its checkpoints are kept.
    """

    def __init__(self, trainer: Trainer, folder: Path) -> None:
        self.options = trainer.options
        self.ground = replace(trainer.ground, folder=folder)
        self.fits: list[tuple[str, Fitted]] = []

    def fit(self, model: Any, *, label: str, **given: Any) -> Fitted:
        """Train as ``Trainer.fit`` does."""
        self.ground.folder.mkdir(parents=True, exist_ok=True)
        fitted = super().fit(model, label=label, **given)
        self.fits.append((label, fitted))
        return fitted


class Lesson:
    """What ``--train`` names.

    Args:
        options: Of the run; they name training data.
        inputs: Of the source model.
        progress: Who listens to training.
    """

    def __init__(self, options: Options, inputs: Sequence[TensorSpec], progress: Progress) -> None:
        self.options, self.inputs, self._progress = options, tuple(inputs), progress
        self._trainer: Trainer | None = None

    @property
    def training(self) -> TrainingOptions:
        """How to train; all randomness comes from the run's seed."""
        chosen = self.options.training
        return replace(chosen, seed=chosen.seed if self.options.seed is None else self.options.seed)

    @cached_property
    def is_code(self) -> bool:
        """Whether the data are what user code yields, maybe other samples every time."""
        data = self.options.train
        profile = find_profile(data)
        data = data if profile is None else profile.source
        if isinstance(data, (str, Path)):
            return bool(FUNCTION.fullmatch(str(data))) and not Path(data).exists()
        try:
            return callable(data) or in_memory(data, self.inputs) is None
        except DataError:
            return True  # a pair of streams, for instance: the trainer knows

    @cached_property
    def digest(self) -> str | None:
        """Changes with the data; None where only the user's code could tell."""
        return None if self.is_code else self._opened(None).digest

    def trainer(self, source: Any) -> Trainer:
        """Return what trains on the data; opened once.

        Args:
            source: The source model.

        Raises:
            DataError: the data cannot be read, or do not fit the model.
            TrainingError: labels do not fit its outputs.
        """
        if self._trainer is None:
            self._trainer = Trainer(
                source, self.options.train, self.training, folder=Path(),
                progress=self._progress, pictures=self.options.pictures,
            )  # fmt: skip
        return self._trainer

    def samples(self, count: int, source: Any) -> Samples:
        """Choose samples for calibration: of what user code yields, from one reading of it.

        Args:
            count: How many.
            source: Gives the source model, if the data have to be read through a trainer.
        """
        if not self.is_code:
            return self._opened(count)
        rows = _chosen(self.trainer(source()), count, self.options.seed or 0)
        found = open_samples(rows, self.inputs, seed=self.options.seed)
        return replace(found, source=replace(found.source, origin=str(self.origin)))  # type: ignore[type-var]

    @property
    def origin(self) -> str:
        """What the user called the data."""
        data = self.options.train
        return str(data) if isinstance(data, (str, Path)) else "the training data"

    def _opened(self, count: int | None) -> Samples:
        options = self.options
        return open_samples(
            options.train, self.inputs, count=count, seed=options.seed, options=options.pictures
        )


def _chosen(trainer: Trainer, count: int, seed: int) -> dict[str, NDArray[Any]]:
    """Choose rows at random from the first 20 for each one wanted, keeping no more than those.

    Vitter, "Random sampling with a reservoir" (ACM TOMS 11(1), 1985), algorithm R.
    """
    rng, rows, seen = np.random.default_rng(seed), Rows(), 0
    for inputs, _ in trainer.batches(_BATCH):
        for row in range(len(next(iter(inputs.values())))):
            place = seen if seen < count else int(rng.integers(0, seen + 1))
            if place < count:
                _put(rows, place, {name: array[row] for name, array in inputs.items()})
            seen += 1
        if seen >= POOL * count:
            break
    return {name: np.stack(kept) for name, kept in rows.items()}


def _put(rows: Rows, place: int, row: Mapping[str, NDArray[Any]]) -> None:
    for name, values in row.items():
        kept = rows.setdefault(name, [])
        if place == len(kept):
            kept.append(np.array(values))
        else:
            kept[place] = np.array(values)
