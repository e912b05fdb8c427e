"""What a pass is: a step from a Keras model to a better Keras model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from edgekit.calibrate.samples import Samples
from edgekit.progress import Progress, Silent
from edgekit.target import Target

if TYPE_CHECKING:
    from edgekit.training import Trainer

Need = Literal["graph", "calibration", "training", "labels", "latency"]
NEEDS: tuple[Need, ...] = ("graph", "calibration", "training", "labels", "latency")
Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """What was done to one layer, or why it was left alone; ``by`` names the pass."""

    layer: str
    done: str | None = None
    skipped: str | None = None
    by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What a model was trained to be quantized as.

    ``ranges`` holds the range of every simulated activation by the name of its Keras tensor: an
    input's name, or ``layer`` (``layer:1`` for a second output, ``layer@1`` for a second call).
    The weights of the model are on their grids already: ``levels`` is the largest integer of those
    of each layer. Layers whose names fit a pattern of ``skip`` were left out.
    """

    ranges: Mapping[str, Range]
    activations: Literal["int8", "int16"] = "int8"
    levels: Mapping[str, int] = field(default_factory=dict)
    skip: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Context:
    """What a pass may use beside its own options.

    Args:
        target: What the model will become; None where nobody knows yet.
        teacher: The source model, flat, which nobody changes.
        samples: Calibration samples, without labels; None unless the pass needs "calibration".
        trainer: Trains models; None unless the pass needs "training".
        seed: Of every random choice.
        progress: Who listens.
        simulation: What an earlier pass trained the model to be quantized as.
        latency_ms: Measures the float file of a model on this host; None unless the pass needs
            "latency".
    """

    target: Target | None = None
    teacher: Any = None
    samples: Samples | None = None
    trainer: Trainer | None = None
    seed: int = 0
    progress: Progress = field(default_factory=Silent)
    simulation: Simulation | None = None
    latency_ms: Callable[[Any], float] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What a pass leaves: a model, what it did to each layer, and figures for the report."""

    model: Any
    treatments: tuple[Treatment, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    simulation: Simulation | None = None


@dataclass(frozen=True, kw_only=True)
class Pass(ABC):
    """One step. Its fields are its options, so that recipes, cache keys and a repr come for free.

    A pass gets a flat functional model of its own (see ``graph.flat``), which it may change or
    replace, and leaves a model of the same inputs and outputs, by name and order. It keeps no
    state between runs, and takes all its randomness from the context's seed. Options are checked
    in ``__post_init__`` by raising ``OptionError``. Every layer that was not treated is listed
    with its reason.
    """

    name: ClassVar[str]

    @property
    def needs(self) -> frozenset[Need]:
        """What the pass cannot run without, with the options that it has.

        "labels" are those of the training data: a pass that learns from the source model alone
        needs "training" and no labels.
        """
        return frozenset({"graph"})

    def objections(self, target: Target | None, others: Sequence[Pass]) -> list[str]:
        """Say why this pass makes no sense for a target, or beside the others of a recipe.

        Cheap: asked of every pass before anything runs. ``others`` is the whole recipe, in order.
        """
        return []

    @abstractmethod
    def run(self, model: Any, context: Context) -> Outcome:
        """Return the improved model. The model given may be changed."""


def signed(outcome: Outcome, name: str) -> Outcome:
    """Return an outcome whose treatments say by which pass they are."""
    return replace(outcome, treatments=tuple(replace(t, by=name) for t in outcome.treatments))
