"""Trains models on one set of data: reproducibly, and going on where a killed run stopped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from edgekit.calibrate.preprocessing import PictureOptions
from edgekit.errors import TrainingError
from edgekit.progress import Progress
from edgekit.training.data import open_data
from edgekit.training.goals import goals_of
from edgekit.training.options import TrainingOptions
from edgekit.training.run import Fitted, Ground, Plan, run
from edgekit.training.seeds import seeded

if TYPE_CHECKING:
    import keras

    from edgekit.training.distillation import Distillation

Array = NDArray[Any]


class Trainer:
    """Trains models that take what the source model takes and give what it gives.

    Args:
        source_model: A ``SourceModel``, or a built ``keras.Model``; nobody changes it. Where it is
            compiled, its loss and metrics hold unless the options say otherwise.
        data: What ``open_samples`` takes, with labels; or a function, ``module:function`` or an
            object that gives a ``tf.data.Dataset``, a generator or a ``keras.utils.PyDataset``
            of ``(x, y[, weights])``; a pair of those is training and validation data.
        options: How to train.
        folder: Where checkpoints are kept.
        progress: Who listens.
        pictures: How samples are prepared: scaling holds for all kinds, the rest for pictures.

    Raises:
        DataError: the data are not there, cannot be read, or do not fit the model.
        TrainingError: labels do not fit the outputs, or there is no such loss or metric.
    """

    def __init__(
        self,
        source_model: Any,
        data: object,
        options: TrainingOptions,
        *,
        folder: Path,
        progress: Progress,
        pictures: PictureOptions | None = None,
    ) -> None:
        model = getattr(source_model, "model", source_model)
        with seeded(options.seed):
            opened = open_data(data, model, options, pictures)
        self.options = options
        self.ground = Ground(
            data=opened.data,
            goals=goals_of(source_model, opened, options),
            ports=opened.ports,
            example=opened.example,
            seed=options.seed,
            folder=folder,
            progress=progress,
        )

    @property
    def epochs(self) -> int:
        """Passes over the data that ``fit`` makes unless told otherwise."""
        return self.options.epochs

    @property
    def steps_per_epoch(self) -> int:
        """Batches in a pass over the training data."""
        return self.ground.data.training.steps

    @property
    def labelled(self) -> bool:
        """Whether any output has labels: without, nothing but distillation can train."""
        return any(goal.loss is not None for goal in self.ground.goals.values())

    @property
    def task(self) -> str:
        """The losses in words, and where each comes from."""
        said = {
            name: goal.said for name, goal in self.ground.goals.items() if goal.loss is not None
        }
        if len(self.ground.goals) == 1:
            return next(iter(said.values()), "no labels")
        return "; ".join(f"{name}: {text}" for name, text in said.items()) or "no labels"

    def batches(self, size: int) -> Iterator[tuple[Mapping[str, Array], Any]]:
        """Yield the training data once, in a fixed order: inputs by name, and labels.

        Labels are an array, for a model with several outputs a dict by output name, or None.

        Args:
            size: Samples a batch; data that come in batches of their own keep those.
        """
        for piece in self.ground.data.ordered(size):
            labels: Any = dict(piece.labels) or None
            if labels is not None and len(self.ground.goals) == 1:
                (labels,) = labels.values()
            yield piece.inputs, labels

    def fit(
        self,
        model: Any,
        *,
        label: str,
        hooks: Sequence[keras.callbacks.Callback] = (),
        distillation: Distillation | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        schedule: str | None = None,
    ) -> Fitted:
        """Train all trainable variables of a model, in place; it ends with its best epoch.

        A run with the same label, model, options and data goes on where a killed one stopped, and
        ends with the same weights as if it had not been killed, on the same machine.

        Hooks get the model in training, a wrapper; ``hook.model.student`` is the model given. One
        that has ``state()`` and ``restore(state)`` is kept in the checkpoints; it is restored after
        its ``on_train_begin``. While a hook's ``settled`` is False, no epoch counts as the best.
        A run goes on only if the attributes of its hooks, as far as they are plain values, arrays
        or dataclasses, are what they were.

        Args:
            model: Takes the source's inputs and gives its outputs, in order.
            label: Names the run, for people and for its checkpoint.
            hooks: Callbacks, in order.
            distillation: Learn from a teacher too.
            epochs: Instead of the options'.
            learning_rate: Instead of the options'.
            schedule: Instead of the options'.

        Raises:
            TrainingError: nothing to train for, or the loss became NaN.
            DataError: the data cannot be read.
        """
        if not self.labelled and (distillation is None or distillation.weight < 1):
            raise TrainingError(
                f"{self.ground.data.training.origin}: expected labels, got samples without; add "
                "an array y, or distil from the source model with weight = 1"
            )
        plan = Plan(
            label=label,
            options=replace(
                self.options,
                epochs=self.epochs if epochs is None else epochs,
                learning_rate=learning_rate or self.options.learning_rate,
                schedule=schedule or self.options.schedule,
            ),
            hooks=tuple(hooks),
            distillation=distillation,
        )
        return run(model, plan, self.ground)
