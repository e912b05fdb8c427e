"""Magnitude pruning: the smallest weights become zero, and stay zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from edgekit.errors import OptionError, PassError
from edgekit.passes.base import Context, Need, Outcome, Pass, Treatment
from edgekit.passes.compressed import size_figures, sparsity_figures, variables
from edgekit.passes.hooks import GradualMasking, Masking, hook
from edgekit.passes.masks import Bools, block_mask, global_masks, keep_mask, two_of_four
from edgekit.passes.selection import Selection, left_out, selected
from edgekit.passes.weights import Weight, kernels
from edgekit.target import Target

XNNPACK_LEAST = 2 / 3
"""Share of zeros in 1x1 convolutions from which XNNPACK runs them sparse (its README)."""


@dataclass(frozen=True, kw_only=True)
class MagnitudePrune(Pass):
    """Zeroes the smallest weights of every kernel, at once or while training; no biases.

    After every optimizer step, and in the model that comes out, masked weights are exactly 0, and 0
    is on every integer grid. Zeros make a compressed file smaller; what runs faster by them is only
    float 1x1 convolutions in TFLite files on XNNPACK (``pattern = "block"``, from two thirds of
    zeros on) and hardware with sparse cores (``"2:4"``).

    Embeddings, depthwise kernels, and a first convolution that holds less than 5 % of the weights
    are left alone, unless ``only`` names them; custom layers too, unless they say what may be
    pruned (``edgekit_prunable``, docs/passes.md).

    Args:
        sparsity: Share of the weights of each kernel to zero, in [0, 1); 0.5 for 2:4.
        scope: "layer" takes the share from each kernel; "global" from all together, by one
            threshold, but at most 95 % of one kernel.
        pattern: "unstructured"; "2:4", two of each four consecutive input channels; "block", whole
            blocks of output channels at each input channel of 1x1 convolutions, others are skipped.
        block: Output channels a block; XNNPACK has kernels for 4 and 2.
        schedule: "polynomial" lets sparsity rise while training (Zhu & Gupta 2017, equation 1);
            "constant" prunes before the first step.
        initial_sparsity: Where the polynomial schedule begins.
        ramp: Share of the training over which sparsity rises; the rest trains what is left.
        frequency: Optimizer steps between two choices of masks; None for a twentieth of the ramp,
            at most 100.
        epochs: None for those of the training; 0 prunes at once, and needs no training data.
        learning_rate: None for that of the training.
        skip: Name patterns of layers to leave alone.
        only: Name patterns; if given, only these layers are pruned, whatever they are.
    """

    name: ClassVar[str] = "magnitude-prune"

    sparsity: float = 0.5
    scope: Literal["layer", "global"] = "layer"
    pattern: Literal["unstructured", "2:4", "block"] = "unstructured"
    block: int = 4
    schedule: Literal["polynomial", "constant"] = "polynomial"
    initial_sparsity: float = 0.0
    ramp: float = 0.5
    frequency: int | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    skip: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        for wrong, expected in self._wrong():
            if wrong:
                raise OptionError(f"{self.name}: {expected}")

    def _wrong(self) -> list[tuple[bool, str]]:
        every, epochs, rate = self.frequency, self.epochs, self.learning_rate
        return [
            (not 0 <= self.sparsity < 1, f"sparsity is a share in [0, 1), got {self.sparsity}"),
            (
                not 0 <= self.initial_sparsity <= self.sparsity,
                f"initial_sparsity lies in [0, sparsity = {self.sparsity}], got "
                f"{self.initial_sparsity}",
            ),
            (
                self.pattern == "2:4" and self.sparsity != 0.5,
                f"pattern 2:4 leaves exactly half: expected sparsity = 0.5, got {self.sparsity}",
            ),
            (
                self.scope == "global" and self.pattern != "unstructured",
                f"scope = 'global' ranks single weights: expected pattern = 'unstructured', got "
                f"{self.pattern!r}",
            ),
            (self.block < 2, f"block: expected at least 2 channels, got {self.block}"),
            (not 0 <= self.ramp <= 1, f"ramp is a share in [0, 1], got {self.ramp}"),
            (every is not None and every < 1, f"frequency: expected at least 1 step, got {every}"),
            (epochs is not None and epochs < 0, f"epochs: expected 0 or more, got {epochs}"),
            (rate is not None and rate <= 0, f"learning_rate: expected more than 0, got {rate}"),
        ]

    @property
    def needs(self) -> frozenset[Need]:
        """Data only where something is trained."""
        return frozenset({"graph", *(("training", "labels") if self.epochs != 0 else ())})

    def objections(self, target: Target | None, others: Sequence[Pass]) -> list[str]:
        """Say where blocks bring nothing."""
        if self.pattern != "block" or target is None:
            return []
        quantization = target.quantization
        if target.format != "tflite" or quantization.activations != "float32":
            return [
                f"pattern = 'block' is for XNNPACK's float kernels, and {target.name} does not run "
                "on them: take 'unstructured', which costs less accuracy"
            ]
        if self.sparsity < XNNPACK_LEAST:
            return [
                "pattern = 'block' brings nothing below two thirds of zeros, where XNNPACK runs "
                f"dense kernels: expected sparsity of 0.67 or more, got {self.sparsity}"
            ]
        return []

    def run(self, model: Any, context: Context) -> Outcome:
        """Choose masks, train under them, and leave exact zeros."""
        before = variables(model)
        choice = selected(model, skip=self.skip, only=self.only, unfit=self._unfit)
        if choice.weights:
            self._prune(model, choice.weights, context)
        return Outcome(
            model=model,
            treatments=(*self._treatments(choice), *choice.skipped),
            figures={
                **sparsity_figures(kernels(model)),
                **size_figures(before, variables(model)),
            },
        )

    def masks(self, weights: Sequence[Weight], sparsity: float) -> list[Bools]:
        """Choose the masks of weights as they are now."""
        numbers = [weight.read() for weight in weights]
        if self.scope == "global":
            return global_masks(numbers, sparsity)
        return [self._mask(w, n, sparsity) for w, n in zip(weights, numbers, strict=True)]

    def _mask(self, weight: Weight, numbers: Any, sparsity: float) -> Bools:
        if self.pattern == "2:4":
            return two_of_four(numbers, weight.inputs, sparsity)
        if self.pattern == "block":
            return block_mask(numbers, sparsity, block=self.block, axis=weight.outputs[-1])
        return keep_mask(numbers, sparsity)

    def _unfit(self, weight: Weight) -> str | None:
        if self.pattern == "2:4":
            channels = 1
            for axis in weight.inputs:
                channels *= weight.shape[axis]
            if channels < 4:
                return f"2:4 needs groups of four input channels, there are {channels}"
        if self.pattern == "block" and not weight.pointwise:
            return "no 1x1 convolution of stride 1: XNNPACK has sparse kernels for these alone"
        if self.pattern == "block" and weight.shape[weight.outputs[-1]] < self.block:
            return f"fewer than {self.block} output channels: not one block"
        return None

    def _prune(self, model: Any, weights: Sequence[Weight], context: Context) -> None:
        if self.epochs != 0:
            if context.trainer is None:
                raise PassError(
                    f"{self.name}: expected training data, got none: give some, or epochs = 0 to "
                    "prune without training"
                )
            masking = GradualMasking(
                weights,
                lambda sparsity: self.masks(weights, sparsity),
                final=self.sparsity,
                initial=self.initial_sparsity,
                **self._steps(context),
            )
            context.trainer.fit(
                model,
                label=self.name,
                hooks=(hook(masking, told=self),),
                epochs=self.epochs,
                learning_rate=self.learning_rate,
            )
        Masking(weights, self.masks(weights, self.sparsity)).finish()

    def _steps(self, context: Context) -> dict[str, int]:
        """Return over how many steps sparsity rises, and how often masks are chosen."""
        if self.schedule == "constant" or self.epochs == 0 or context.trainer is None:
            return {"ramp": 0, "every": 1}
        epochs = context.trainer.epochs if self.epochs is None else self.epochs
        ramp = int(self.ramp * epochs * context.trainer.steps_per_epoch)
        return {"ramp": ramp, "every": self.frequency or min(100, max(1, ramp // 20))}

    def _treatments(self, choice: Selection) -> list[Treatment]:
        figures = sparsity_figures(choice.weights)
        done = []
        for name in choice.layers():
            own = [weight for weight in choice.weights if weight.layer.name == name]
            size = sum(weight.size for weight in own)
            text = f"{figures[f'sparsity/{name}']:.1%} of {size} weights are zero"
            done.append(Treatment(layer=name, done=text + left_out(own[0].layer, own)))
        return done
