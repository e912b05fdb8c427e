"""Lets the source model teach what earlier passes have changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from edgekit.errors import OptionError, PassError, UnknownName
from edgekit.passes.base import Context, Need, Outcome, Pass, Treatment
from edgekit.target import Target
from edgekit.training import Distillation
from edgekit.training.options import SCHEDULES


@dataclass(frozen=True, kw_only=True)
class Distill(Pass):
    """Trains the model to give what the source model gives, without changing its form.

    loss = weight * (T^2 KL(teacher || student) at temperature T + features) + (1 - weight) * task
    (Hinton, Vinyals and Dean 2015). What earlier passes zeroed or shared does not stay so: put it
    before such passes, or use their own distillation.

    Args:
        epochs: Passes over the training data; None takes those of the training.
        temperature: T, positive; higher ones show more of how the teacher ranks wrong classes.
        weight: Share of the teacher in the loss, in [0, 1]; 1 needs no labels.
        features: Layers of the model, each with the layer of the source model whose output it is
            to give as well, by mean squared error.
        learning_rate: None takes that of the training.
        schedule: "constant" or "cosine"; None takes that of the training.
    """

    name: ClassVar[str] = "distill"

    epochs: int | None = None
    temperature: float = 4.0
    weight: float = 0.9
    features: Mapping[str, str] = field(default_factory=dict)
    learning_rate: float | None = None
    schedule: str | None = None

    def __post_init__(self) -> None:
        """Refuse numbers out of range.

        Raises:
            OptionError: an option is.
            UnknownName: there is no such schedule.
        """
        self._lesson(None)
        if self.epochs is not None and self.epochs < 1:
            raise OptionError(f"epochs: expected at least 1, got {self.epochs}")
        if self.learning_rate is not None and self.learning_rate <= 0:
            raise OptionError(
                f"learning_rate: expected a positive number, got {self.learning_rate}"
            )
        if self.schedule is not None and self.schedule not in SCHEDULES:
            raise UnknownName("schedule", self.schedule, SCHEDULES)

    @property
    def needs(self) -> frozenset[Need]:
        """Labels too, unless the source model alone teaches."""
        return frozenset({"graph", "training", *(() if self.weight == 1 else ("labels",))})

    def objections(self, target: Target | None, others: Sequence[Pass]) -> list[str]:
        """Object to distilling a model from itself."""
        if self.weight == 1 and others and others[0] is self:
            return [
                "distill: expected a model that some pass has changed, got the source model, which "
                "has nothing to learn from itself; put it after another pass"
            ]
        return []

    def run(self, model: Any, context: Context) -> Outcome:
        """Train the model in place.

        Raises:
            PassError: there are no training data.
            TrainingError: a layer to compare is not there or gives another shape.
        """
        if context.trainer is None:
            raise PassError("distill: expected training data, got none; give --train")
        fitted = context.trainer.fit(
            model,
            label=self.name,
            distillation=self._lesson(context.teacher),
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
        )
        figures = {key: values[fitted.best_epoch - 1] for key, values in fitted.history.items()}
        return Outcome(
            model=model,
            treatments=tuple(_treatments(model)),
            figures={"epochs": fitted.epochs, "best_epoch": fitted.best_epoch, **figures},
            simulation=context.simulation,
        )

    def _lesson(self, teacher: Any) -> Distillation:
        return Distillation(
            teacher=teacher,
            temperature=self.temperature,
            weight=self.weight,
            features=self.features,
        )


def _treatments(model: Any) -> Iterator[Treatment]:
    for layer in model.layers:
        if layer.trainable_variables:
            yield Treatment(layer=layer.name, done="trained to give what the source model gives")
        elif layer.weights:
            yield Treatment(layer=layer.name, skipped="its weights are not trainable")
        else:
            yield Treatment(layer=layer.name, skipped="has no weights")
