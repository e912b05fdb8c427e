"""Structured pruning: whole channels leave a model, which gets smaller and faster everywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from edgekit.errors import OptionError, PassError
from edgekit.passes.base import Context, Need, Outcome, Pass
from edgekit.passes.channels.budget import Chooser, Limits, within
from edgekit.passes.channels.costs import Costs
from edgekit.passes.channels.importance import Scores, by_filters, by_scales, by_sensitivity
from edgekit.passes.channels.latency import share_within
from edgekit.passes.channels.refit import refit
from edgekit.passes.channels.surgery import removed
from edgekit.passes.channels.told import treatments
from edgekit.passes.channels.wiring import Keep, Wiring, wired
from edgekit.passes.graph import Graph
from edgekit.target import Target
from edgekit.training.distillation import Distillation, check_numbers

HALF = 0.5
"""Share of the multiply-accumulates to keep if no budget is given."""


@dataclass(frozen=True, kw_only=True)
class ChannelPrune(Pass):
    """Removes the channels that matter least, until a model keeps within its budget.

    Channels that hang together, through sums, products, depthwise convolutions or shared layers,
    leave together. What comes out is an ordinary model of the same layers, by name, with fewer
    filters and units; its inputs and outputs keep their shapes.

    Args:
        macs: Share of the multiply-accumulates to keep, in (0, 1]; a half if no budget is given.
        parameters: Share of the parameters to keep, in (0, 1].
        latency: Share of the latency to keep, in (0, 1], of the float file on this host: so many
            multiply-accumulates stay as were measured to keep within it. Not with ``macs``.
        importance: What says how much a channel matters: the "l1" or "l2" norm of the filters that
            make it, the factors of "batch-norm", or "taylor": what the training loss would gain.
        multiple_of: Layers keep a multiple of so many channels; smaller ones are left alone.
        skip: Name patterns of layers that keep all channels that they make.
        refit: Whether kernels that read channels which leave are fitted on calibration samples to
            give what they gave: He et al. 2017, equation 2.
        steps: In how many steps the budget is approached; scores are taken anew before each.
        epochs: Of training after each step; 0 trains nothing.
        learning_rate: None for that of the training.
        distill: Whether the source model teaches while training.
        temperature: Of that.
        distill_weight: Of that, in [0, 1]; the labels have the rest.
    """

    name: ClassVar[str] = "channel-prune"

    macs: float | None = None
    parameters: float | None = None
    latency: float | None = None
    importance: Literal["l1", "l2", "batch-norm", "taylor"] = "l2"
    multiple_of: int = 8
    skip: tuple[str, ...] = ()
    refit: bool = True
    steps: int = 1
    epochs: int = 0
    learning_rate: float | None = None
    distill: bool = True
    temperature: float = 4.0
    distill_weight: float = 0.9

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        if self.latency is not None and self.macs is not None:
            raise OptionError("channel-prune: expected macs or latency, got both; leave one out")
        for option in ("macs", "parameters", "latency"):
            share = getattr(self, option)
            if share is not None and not 0 < share <= 1:
                raise OptionError(f"channel-prune: {option}: expected a share in (0, 1], {share=}")
        for option, least in (("multiple_of", 1), ("steps", 1), ("epochs", 0)):
            if getattr(self, option) < least:
                raise OptionError(
                    f"channel-prune: {option}: expected at least {least}, "
                    f"got {getattr(self, option)}"
                )
        check_numbers(self.temperature, self.distill_weight)
        if self.learning_rate is not None and not 0 < self.learning_rate < math.inf:
            raise OptionError(
                "channel-prune: learning_rate: expected a positive number, "
                f"got {self.learning_rate}"
            )

    @property
    def needs(self) -> frozenset[Need]:
        """Training data where something is trained or scored by the loss, labels for the loss."""
        scored = self.importance == "taylor"
        taught = self.distill and self.distill_weight == 1
        training = ("training",) if self.epochs or scored else ()
        labels = ("labels",) if scored or (self.epochs and not taught) else ()
        measured = ("latency",) if self.latency is not None else ()
        fitted = ("calibration",) if self.refit else ()
        return frozenset({"graph", *training, *labels, *measured, *fitted})

    def objections(self, target: Target | None, others: Sequence[Pass]) -> list[str]:
        """Say which passes would lose their work."""
        names = [other.name for other in others]
        earlier = names[: names.index(self.name)] if self.name in names else []
        return [
            f"channel-prune has to stand before {name}, whose work it would undo"
            for name in ("qat", "adaround", "correct-bias")
            if name in earlier
        ]

    def run(self, model: Any, context: Context) -> Outcome:
        """Remove channels step by step, training in between if asked to."""
        if "training" in self.needs and context.trainer is None:
            raise PassError("channel-prune: expected training data, got none; give --train, or "
                            "set epochs to 0 and importance to l2")  # fmt: skip
        if self.refit and context.samples is None:
            raise PassError("channel-prune: expected calibration samples, got none; give "
                            "--calibration, or set refit to false")  # fmt: skip
        if self.latency is not None:
            return replace(self, macs=self._measured(model, context), latency=None).run(
                model, context
            )
        graph = Graph(model)
        before = wired(graph, skip=self.skip)
        whole = Costs(graph, before).of(before.everything())
        self._refuse_out_of_reach(graph, before, whole)
        for step in range(1, self.steps + 1):
            model = self._pruned(model, context, self._limits(whole, step / self.steps))
            self._train(model, context, step)
        graph = Graph(model)
        after = wired(graph, skip=self.skip)
        macs, parameters = Costs(graph, after).of(after.everything())
        return Outcome(
            model=model,
            treatments=treatments(graph, before, after),
            figures={
                "macs_share": macs / max(1, whole[0]),
                "parameters_share": parameters / max(1, whole[1]),
            },
        )

    def _measured(self, model: Any, context: Context) -> float:
        """Return the largest share of multiply-accumulates that keeps within the latency."""
        if context.latency_ms is None or self.latency is None:
            raise PassError(
                "channel-prune: latency: nobody measures here; run it by edgekit.compress or "
                "edgekit.convert with Keras on TensorFlow, or give macs"
            )
        timed, graph = context.latency_ms, Graph(model)
        wiring = wired(graph, skip=self.skip)
        costs, scores = Costs(graph, wiring), self._scores(model, wiring, context)
        whole = costs.of(wiring.everything())

        def measured(share: float) -> tuple[float, float]:
            keep = self._chosen(wiring, costs, scores, (whole[0] * share, whole[1]))
            kept = costs.of(keep)[0] / max(1, whole[0])
            return timed(removed(graph, wiring, keep)), min(1.0, kept * (1 + 1e-9))

        return share_within(measured, self.latency * timed(model))

    def _limits(self, whole: tuple[int, int], progress: float) -> Limits:
        macs_left, parameters_left = (1 - (1 - share) * progress for share in self._shares())
        return whole[0] * macs_left, whole[1] * parameters_left

    def _shares(self) -> tuple[float, float]:
        """Return the shares of multiply-accumulates and of parameters to keep."""
        default = HALF if self.parameters is None else 1.0
        macs = default if self.macs is None else self.macs
        return macs, 1.0 if self.parameters is None else self.parameters

    def _refuse_out_of_reach(self, graph: Graph, wiring: Wiring, whole: tuple[int, int]) -> None:
        """Raise before anything is trained if the budget cannot be kept."""
        scores = by_filters(wiring, "l2")
        costs, limits = Costs(graph, wiring), self._limits(whole, 1.0)
        least = costs.of(self._chosen(wiring, costs, scores, limits))
        if not within(least, limits):
            kept = [left / max(1, all_) for left, all_ in zip(least, whole, strict=True)]
            macs, parameters = self._shares()
            raise PassError(
                f"channel-prune: expected at most {macs:g} of the MACs and {parameters:g} of the "
                f"parameters to stay, but {kept[0]:.3f} and {kept[1]:.3f} have to; raise the "
                f"shares, or lower multiple_of={self.multiple_of}"
            )

    def _chosen(self, wiring: Wiring, costs: Costs, scores: Scores, limits: Limits) -> Keep:
        chooser = Chooser(wiring.groups, costs, scores=scores, multiple_of=self.multiple_of)
        return chooser.choose(wiring.everything(), limits)

    def _pruned(self, model: Any, context: Context, limits: Limits) -> Any:
        graph = Graph(model)
        wiring = wired(graph, skip=self.skip)
        scores = self._scores(model, wiring, context)
        keep = self._chosen(wiring, Costs(graph, wiring), scores, limits)
        if self.refit and context.samples is not None:
            refit(graph, wiring, keep, context.samples, seed=context.seed)
        return removed(graph, wiring, keep)

    def _scores(self, model: Any, wiring: Wiring, context: Context) -> Scores:
        if self.importance == "batch-norm":
            return by_scales(wiring)
        if self.importance == "taylor" and context.trainer is not None:
            from edgekit.passes.channels.sensitivity import products

            return by_sensitivity(wiring, products(model, context.trainer))
        return by_filters(wiring, "l1" if self.importance == "l1" else "l2")

    def _train(self, model: Any, context: Context, step: int) -> None:
        if not self.epochs or context.trainer is None:
            return
        teaches = self.distill and context.teacher is not None
        context.trainer.fit(
            model,
            label=f"channel-prune {step} of {self.steps}",
            distillation=Distillation(
                teacher=context.teacher, temperature=self.temperature, weight=self.distill_weight
            )
            if teaches
            else None,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
        )
