"""Trains Keras models, reproducibly and resumably."""

from edgekit.training.distillation import Distillation
from edgekit.training.options import TrainingOptions
from edgekit.training.run import Fitted
from edgekit.training.trainer import Trainer

__all__ = ["Distillation", "Fitted", "Trainer", "TrainingOptions"]
