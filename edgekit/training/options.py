"""How a model is trained, as the user says it."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.errors import OptionError, UnknownName

OPTIMIZERS = (
    "adam", "adamw", "sgd", "rmsprop", "nadam", "lion", "adamax", "adagrad", "adadelta", "lamb",
)  # fmt: skip
SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How a model is trained.

    Args:
        epochs: Passes over the training data, at least 1.
        batch_size: Samples a step; data that come in batches of their own keep those.
        learning_rate: Of the optimizer, at the start.
        schedule: "constant", or "cosine": down to a hundredth of it along half a cosine over all
            epochs (Loshchilov and Hutter 2017, equation 5, without restarts).
        optimizer: One of Keras' by name, with Keras' defaults.
        loss: A Keras loss by name; None takes the compiled source model's, or guesses one from
            labels and outputs.
        metrics: Keras metrics by name; none takes the compiled source model's, or accuracy where
            labels are classes.
        validation: Share of the samples to hold back for choosing the best epoch, in [0, 1).
        patience: Stop after so many epochs without a better validation loss; None never stops.
        seed: Of split, order, dropout and everything else that is random.
    """

    epochs: int = 2
    batch_size: int = 32
    learning_rate: float = 1e-4
    schedule: str = "constant"
    optimizer: str = "adam"
    loss: str | None = None
    metrics: tuple[str, ...] = ()
    validation: float = 0.1
    patience: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what nothing can be trained with.

        Raises:
            OptionError: an option is out of range; an optimizer or a schedule has an unknown name.
        """
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if not 0 < self.learning_rate < float("inf"):
            raise OptionError(
                f"learning_rate: expected a positive number, got {self.learning_rate}"
            )
        if not 0 <= self.validation < 1:
            raise OptionError(
                f"validation: expected a share of at least 0 and below 1, got {self.validation}"
            )
        if self.patience is not None and self.patience < 1:
            raise OptionError(f"patience: expected at least 1 epoch, got {self.patience}")
        if self.seed < 0:
            raise OptionError(f"seed: expected at least 0, got {self.seed}")
        if self.optimizer not in OPTIMIZERS:
            raise UnknownName("optimizer", self.optimizer, OPTIMIZERS)
        if self.schedule not in SCHEDULES:
            raise UnknownName("schedule", self.schedule, SCHEDULES)
