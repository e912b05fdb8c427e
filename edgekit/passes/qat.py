"""Quantization-aware training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from edgekit.calibrate.estimators import ESTIMATORS
from edgekit.errors import OptionError, PassError
from edgekit.passes.base import Context, Need, Outcome, Pass, Simulation
from edgekit.passes.listed import layers_of
from edgekit.passes.simulate.grid import weight_levels
from edgekit.target import Target

_BITS = range(2, 9)


@dataclass(frozen=True, kw_only=True)
class Qat(Pass):
    """Trains a model while it computes as the integers of the artifact will.

    Weights are rounded per channel, symmetric, with the step max |w| / 127; activations on ranges
    that start from calibration. Rounding passes gradients straight through. Batch norms behind
    convolutions scale by the batch while their statistics move, in the first epochs; in the last
    ones they are folded. What comes out is a plain model without them, whose weights lie on their
    grids, and the ranges.

    Args:
        epochs: None for those of the training.
        learning_rate: None for 3e-5, or the training's own if that is smaller.
        bits: Of weights: 8, or 4 for a target of 4-bit weights.
        layer_bits: Of the weights of layers by name pattern; the first that fits counts.
        activations: Integers of activations; "auto" takes the target's, else int8.
        ranges: "learnt" trains the step of each (Esser et al. 2020), "moving-average" follows
            least and largest values (Jacob et al. 2018), "fixed" keeps them as calibrated.
        estimator: Of the first ranges.
        skip: Name patterns of layers that are not simulated.
        moving_batchnorm: Share of the epochs, the first ones, in which statistics of batch norms
            move; in the others, in whole epochs, they are folded.
        distill: Whether the source model teaches beside the labels.
        temperature: Of that.
        distill_weight: Of that, in [0, 1].
        preserve: Whether zeros and clusters of earlier passes stay.
    """

    name: ClassVar[str] = "qat"

    epochs: int | None = None
    learning_rate: float | None = None
    bits: int | None = None
    layer_bits: Mapping[str, int] = field(default_factory=dict)
    activations: Literal["auto", "int8", "int16"] = "auto"
    ranges: Literal["learnt", "moving-average", "fixed"] = "learnt"
    estimator: str = "mse"
    skip: tuple[str, ...] = ()
    moving_batchnorm: float = 0.9
    distill: bool = False
    temperature: float = 4.0
    distill_weight: float = 0.9
    preserve: bool = True

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        for name, bits in {"bits": self.bits or 8, **self.layer_bits}.items():
            if bits not in _BITS:
                raise OptionError(f"qat: {name}: expected 2 to 8 bits, got {bits}")
        if self.epochs is not None and self.epochs < 1:
            raise OptionError(f"qat: epochs: expected at least 1, got {self.epochs}")
        if not 0 <= self.moving_batchnorm <= 1:
            raise OptionError(
                f"qat: moving_batchnorm: expected a share in [0, 1], got {self.moving_batchnorm}"
            )
        if self.estimator not in ESTIMATORS:
            raise OptionError(
                f"qat: estimator: expected one of {', '.join(ESTIMATORS)}, got {self.estimator!r}"
            )

    @property
    def needs(self) -> frozenset[Need]:
        """Labels too, unless the source model alone teaches."""
        taught = self.distill and self.distill_weight == 1
        return frozenset({"graph", "calibration", "training", *(() if taught else ("labels",))})

    def objections(self, target: Target | None, others: Sequence[Pass]) -> list[str]:
        """Say what does not go together."""
        said = []
        if others and others[-1].name != self.name:
            said.append(f"qat has to be the last pass: {others[-1].name} would move its weights")
        if target is not None and target.quantization.weights not in ("int8", "int4"):
            said.append(f"qat is of no use for {target.name}, whose weights are "
                        f"{target.quantization.weights}; leave it out")  # fmt: skip
        return said

    def run(self, model: Any, context: Context) -> Outcome:
        """Train, fold, and bake."""
        from edgekit.passes.simulate.told import told
        from edgekit.passes.simulate.training import train

        if context.trainer is None or context.samples is None:
            raise PassError("qat: expected training data and calibration samples, got none")
        layers = layers_of(model)
        simulated = train(model, self, context)
        levels = {name: weights.levels for name, weights in simulated.plan.weights.items()}
        return Outcome(
            model=simulated.plain,
            treatments=told(layers, simulated.plan),
            figures={"simulated_layers": float(len(levels))},
            simulation=Simulation(
                ranges=simulated.ranges(),
                activations=simulated.activations,
                levels=levels,
                skip=self.skip,
            ),
        )

    def levels(self, target: Target | None) -> int:
        """Return the largest integer of weights that no pattern of ``layer_bits`` names."""
        quantization = target.quantization if target else None
        bits = self.bits or (4 if quantization and quantization.weights == "int4" else 8)
        return weight_levels(bits, reduce_range=bool(quantization and quantization.reduce_range))
