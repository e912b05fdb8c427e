"""Trains a simulated model: first with moving batch norms, then with folded ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from glob import escape
from typing import TYPE_CHECKING, Any

from edgekit.errors import PassError
from edgekit.passes.base import Context, Range
from edgekit.passes.graph import Graph
from edgekit.passes.simulate.grid import Activations, weight_levels
from edgekit.passes.simulate.model import Simulated, corrected_pairs, simulate
from edgekit.passes.simulate.observe import observed
from edgekit.passes.simulate.plan import Plan, plan
from edgekit.passes.simulate.spread import norms_as_convolutions, spread
from edgekit.passes.simulate.told import patterns_for_parts

if TYPE_CHECKING:
    from edgekit.passes.qat import Qat

_RATE = 3e-5


def train(model: Any, options: Qat, context: Context) -> Simulated:
    """Return the trained simulation; its plain model has weights on their grids, no batch norms."""
    trainer = context.trainer
    if trainer is None:
        raise PassError("qat: expected training data, got none")
    plain, known = spread(model), dict[str, Range]()
    options = _with_parts(options, model, plain)
    whole = options.epochs or trainer.epochs
    moving = whole - int(whole * (1 - options.moving_batchnorm) + 1e-9)
    if moving and corrected_pairs(Graph(plain), _plan(plain, options, context)):
        first = _simulated(plain, options, context, known, corrected=True)
        _fit(first, options, context, label="qat, batch norms moving", epochs=moving)
        known = first.ranges()
    else:
        moving = 0
    second = _simulated(_folded(plain, context), options, context, known, corrected=False)
    if whole > moving:
        _fit(second, options, context, label="qat", epochs=whole - moving)
    second.bake()
    return second


def _with_parts(options: Qat, model: Any, plain: Any) -> Qat:
    """Return options whose patterns also fit the parts that their layers were spread into."""
    names, parts = [{str(n.layer.name) for n in Graph(m).nodes} for m in (model, plain)]
    skipped = patterns_for_parts(options.skip, names, parts)
    own = patterns_for_parts(tuple(options.layer_bits), names, parts)
    bits = {escape(part): options.layer_bits[pattern] for part, pattern in own.items()}
    return replace(
        options,
        skip=(*options.skip, *map(escape, skipped)),
        layer_bits={**bits, **options.layer_bits},
    )


def _folded(model: Any, context: Context) -> Any:
    """Return the model with its batch norms in the layers before them, or as convolutions."""
    from edgekit.passes.fold import FoldBatchnorm

    if not any(node.kind == "BatchNormalization" for node in Graph(model).nodes):
        return model
    return norms_as_convolutions(FoldBatchnorm().run(model, context).model)


def _fit(simulated: Simulated, options: Qat, context: Context, *, label: str, epochs: int) -> None:
    from edgekit.training import Distillation

    trainer = context.trainer
    if trainer is None:
        raise PassError("qat: expected training data, got none")
    rate = options.learning_rate or min(_RATE, trainer.options.learning_rate)
    lesson = Distillation(
        teacher=context.teacher, temperature=options.temperature, weight=options.distill_weight
    )
    trainer.fit(
        simulated.model,
        label=label,
        hooks=_keeping(simulated.plain) if options.preserve else (),
        distillation=lesson if options.distill else None,
        epochs=epochs,
        learning_rate=rate,
    )


def _keeping(plain: Any) -> Sequence[Any]:
    """Return hooks that keep the zeros and clusters of earlier passes."""
    from edgekit.passes.preserve import hooks_for

    return hooks_for(plain, sparsity=True, clusters=True)


def _simulated(
    plain: Any, options: Qat, context: Context, known: dict[str, Range], *, corrected: bool
) -> Simulated:
    if context.samples is None:
        raise PassError("qat: expected calibration samples, got none")
    decided, activations = _plan(plain, options, context), _activations(options, context)
    seen = observed(
        plain, decided, context.samples, estimator=options.estimator,
        bits=16 if activations == "int16" else 8,
    )  # fmt: skip
    seen |= {decided.groups[name]: r for name, r in known.items() if name in decided.groups}
    return simulate(
        plain, decided, seen,
        learning=options.ranges, activations=activations, corrected=corrected,
    )  # fmt: skip


def _plan(plain: Any, options: Qat, context: Context) -> Plan:
    levels = {pattern: weight_levels(bits) for pattern, bits in options.layer_bits.items()}
    return plan(
        Graph(plain),
        levels=levels,
        default_levels=options.levels(context.target),
        skip=options.skip,
        wide=_activations(options, context) == "int16",
        kind=context.target.format if context.target else "tflite",
    )


def _activations(options: Qat, context: Context) -> Activations:
    if options.activations != "auto":
        return options.activations
    target = context.target
    return "int16" if target and target.quantization.activations == "int16" else "int8"
