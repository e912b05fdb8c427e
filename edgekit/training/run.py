"""One training run: epoch by epoch through Keras' ``fit``, with a checkpoint after each."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.errors import TrainingError
from edgekit.progress import Progress
from edgekit.training import checkpoint
from edgekit.training.checkpoint import Checkpoint
from edgekit.training.data import Data
from edgekit.training.distillation import Guide
from edgekit.training.facts import facts
from edgekit.training.feed import Shaper, feed
from edgekit.training.optimizers import optimizer
from edgekit.training.options import TrainingOptions
from edgekit.training.pieces import Piece, Pieces
from edgekit.training.ports import Ports
from edgekit.training.relay import relay
from edgekit.training.seeds import seed_epoch, seeded
from edgekit.training.student import student
from edgekit.training.task import Goal
from edgekit.training.variables import assign, fingerprint, seed_dropout, values

Array = NDArray[Any]

_LAST_RATE = 0.01
"""Share of the learning rate that a schedule ends with."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """What the runs of one trainer share."""

    data: Data
    goals: Mapping[str, Goal]
    ports: Ports
    example: Piece
    seed: int
    folder: Path
    progress: Progress


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What is particular to one run."""

    label: str
    options: TrainingOptions
    hooks: tuple[Any, ...] = ()
    distillation: Any = None


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """How training went.

    Args:
        history: A figure an epoch, by Keras' names (``loss``, ``val_loss``, ``val_accuracy``).
        epochs: How many were trained.
        best_epoch: Whose weights the model has, counted from 1.
        resumed: How many of the epochs a checkpoint gave.
    """

    history: Mapping[str, tuple[float, ...]]
    epochs: int
    best_epoch: int
    resumed: int = 0


def run(model: Any, plan: Plan, ground: Ground) -> Fitted:
    """Train a model in place; see ``Trainer.fit``."""
    with seeded(ground.seed):
        for pieces in ground.data.all:
            pieces.restart()
        seed_dropout(model, ground.seed)
        return _Run(model, plan, ground).all()


class _Run:
    def __init__(self, model: Any, plan: Plan, ground: Ground) -> None:
        self.model, self.plan, self.ground = model, plan, ground
        self.path = ground.folder / f"{file_name(plan.label)}.npz"
        self.student = student(model, ground.goals, guide=_guide(plan, ground))
        _compile(self.student, plan.options, ground.data.training.steps)
        self.state = Checkpoint(
            digest=_digest(model, plan, ground),
            passes=tuple(pieces.reads for pieces in ground.data.all),
        )
        self.resumed = 0

    def all(self) -> Fitted:
        """Train what is left to train."""
        found = checkpoint.load(self.path, self.state.digest)
        if found is not None:
            self.state, self.resumed = found, found.epoch
        if not self.state.over:
            self._train()
        else:
            assign(self.model.variables, self.state.variables)
            self._restore_hooks()
        state = self.state
        return Fitted(
            history={name: tuple(figures) for name, figures in state.history.items()},
            epochs=state.epoch,
            best_epoch=state.best_epoch or state.epoch,
            resumed=self.resumed,
        )

    def _train(self) -> None:
        hooks = self.plan.hooks
        for hook in hooks:
            hook.set_model(self.student)
            hook.on_train_begin()
        if self.resumed:
            assign(self.model.variables, self.state.variables)
            assign(self.student.optimizer.variables, self.state.optimizer)
            self._restore_hooks()
            self._catch_up()
        while not self._finished():
            self._epoch(self.state.epoch)
        if self.state.best:
            assign(self.model.variables, self.state.best)
        for hook in hooks:
            hook.on_train_end()
        self.state = replace(
            self.state, variables=values(self.model.variables), optimizer=(), best=(), over=True,
            hooks=self._hook_states(),
        )  # fmt: skip
        self.state.save(self.path)

    def _catch_up(self) -> None:
        """Bring data that keep a state of their own to where the killed run had them."""
        every = self.ground.data.all
        for pieces, reads in zip(every, self.state.passes, strict=True):
            while pieces.reads < reads:
                pieces.skip(pieces.reads)
        for number in range(self.state.epoch):
            seed_epoch(self.ground.seed, number)
            for pieces in every:
                pieces.skip(number)

    def _epoch(self, number: int) -> None:
        data, plan, progress = self.ground.data, self.plan, self.ground.progress
        feeds = [self._feed(data.training, number)]
        held: dict[str, Any] = {}
        if data.validation is not None:
            feeds.append(self._feed(data.validation, number))
            held = {"validation_data": feeds[1]}
        told = relay(plan.hooks, progress, feeds)
        name = f"{plan.label}: epoch {number + 1}/{plan.options.epochs}"
        seed_epoch(self.ground.seed, number)
        with progress.stage(name, data.training.steps):
            try:
                with self._knowing_outputs_without_labels():
                    history = self.student.fit(
                        feeds[0], initial_epoch=number, epochs=number + 1, shuffle=False,
                        verbose=0, callbacks=[told], **held,
                    ).history  # fmt: skip
            except Exception as error:
                failure = next((f.failure for f in feeds if f.failure is not None), None)
                if failure is None or failure is error:
                    raise
                raise failure from error
            finally:
                for opened in feeds:
                    opened.close()
            figures = {key: float(figure[-1]) for key, figure in history.items()}
            self._check(figures, number, lost=told.lost)
            progress.note(", ".join(f"{key} {figure:.4g}" for key, figure in figures.items()))
        self._keep(figures)

    @contextlib.contextmanager
    def _knowing_outputs_without_labels(self) -> Iterator[None]:
        """Let Keras be silent about layers that nothing trains, where that is known."""
        with warnings.catch_warnings():
            if not self.plan.distillation and any(
                goal.loss is None for goal in self.ground.goals.values()
            ):
                warnings.filterwarnings("ignore", message="Gradients do not exist")
            yield

    def _feed(self, pieces: Pieces, number: int) -> Any:
        given = self.ground.ports
        shaper = Shaper(given.inputs, given.shapes, self.ground.goals, pieces.origin)
        return feed(pieces.epoch(number), pieces.steps, shaper, self.ground.example)

    def _check(self, figures: Mapping[str, float], number: int, *, lost: bool) -> None:
        wrong = [key for key in ("loss", "val_loss") if not np.isfinite(figures.get(key, 0.0))]
        if lost or wrong:
            raise TrainingError(
                f"{self.plan.label}: expected a finite loss, got NaN or infinity in epoch "
                f"{number + 1}; lower the learning rate ({self.plan.options.learning_rate:g}), or "
                "look for labels and inputs out of range"
            )

    def _keep(self, figures: Mapping[str, float]) -> None:
        old = self.state
        history = {key: (*old.history.get(key, ()), figure) for key, figure in figures.items()}
        best_epoch, best = self._best(history.get("val_loss"))
        self.state = replace(
            old,
            epoch=old.epoch + 1,
            history=history,
            variables=values(self.model.variables),
            optimizer=values(self.student.optimizer.variables),
            best=best,
            best_epoch=best_epoch,
            hooks=self._hook_states(),
        )
        self.state.save(self.path)

    def _best(self, losses: Sequence[float] | None) -> tuple[int, Sequence[Array]]:
        """Return the best epoch so far, and its weights unless it is this one."""
        settled = all(getattr(hook, "settled", True) for hook in self.plan.hooks)
        if losses is None or not settled:
            return 0, ()
        epoch, best = len(losses), self.state.best_epoch
        if not best or losses[-1] < losses[best - 1]:
            return epoch, ()
        return best, self.state.best or self.state.variables

    def _finished(self) -> bool:
        done, best, patience = self.state.epoch, self.state.best_epoch, self.plan.options.patience
        waited = patience is not None and best > 0 and done - best >= patience
        return waited or done >= self.plan.options.epochs

    def _hook_states(self) -> tuple[Mapping[str, Array], ...]:
        return tuple(h.state() if hasattr(h, "state") else {} for h in self.plan.hooks)

    def _restore_hooks(self) -> None:
        for hook, state in zip(self.plan.hooks, self.state.hooks, strict=True):
            if hasattr(hook, "restore"):
                hook.restore(state)


def file_name(label: str) -> str:
    """Return a name for a run's checkpoint that is safe as a file's, and its own."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip(".-")[:80] or "training"
    return safe if safe == label else f"{safe}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"


def _compile(wrapped: Any, options: TrainingOptions, steps: int) -> None:
    import keras

    # XLA computes fake quantization differently; JAX without it would run layer by layer.
    wrapped.compile(
        optimizer=optimizer(options.optimizer, _rate(options, steps)),
        jit_compile=keras.backend.backend() == "jax",
    )
    wrapped.optimizer.build(wrapped.trainable_variables)  # in half precision: what scales losses


def _rate(options: TrainingOptions, steps: int) -> Any:
    """Return the learning rate as Keras spells it; its count of steps is in the checkpoints."""
    import keras

    if options.schedule == "constant":
        return options.learning_rate
    cosine = keras.optimizers.schedules.CosineDecay(
        options.learning_rate, decay_steps=options.epochs * steps, alpha=_LAST_RATE
    )
    return keras.optimizers.schedules.serialize(cosine)


def _guide(plan: Plan, ground: Ground) -> Any:
    lesson = plan.distillation
    if lesson is None:
        return None
    example = ground.example.inputs
    return Guide(lesson, ground.goals, [example[spec.name] for spec in ground.ports.inputs])


def _digest(model: Any, plan: Plan, ground: Ground) -> str:
    """Return a digest of all that decides how training goes."""
    import keras

    known = {
        "keras": [keras.__version__, keras.backend.backend()],
        "model": fingerprint(model),
        "options": asdict(plan.options),
        "data": [ground.data.training.digest, getattr(ground.data.validation, "digest", None)],
        "goals": [goal.said for goal in ground.goals.values()],
        "hooks": [facts(hook) for hook in plan.hooks],
        "distillation": facts(plan.distillation),
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
