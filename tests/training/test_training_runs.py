"""Training runs: reproducible, resumable, ended by the best epoch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgekit.errors import TrainingError

KILLED = Path(__file__).with_name("killed_training.py")


@pytest.mark.backend
def test_training_lowers_the_loss_and_changes_only_the_given_model(
    trainer, classifier, pictures, same
):
    source, model = classifier(), classifier()
    fitted = trainer(source, pictures, epochs=4).fit(model, label="run")
    assert fitted.history["loss"][-1] < fitted.history["loss"][0]
    assert set(fitted.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert fitted.epochs == 4
    assert not same(model, source)
    assert not model.compiled


def test_the_same_run_gives_the_same_weights_whatever_the_user_drew_before(
    trainer, classifier, pictures, same
):
    models = [classifier(), classifier()]
    for number, model in enumerate(models):
        np.random.seed(number)
        trainer(classifier(), pictures, folder=str(number)).fit(model, label="run")
    assert same(*models)


def test_another_seed_gives_other_weights(trainer, classifier, pictures, same):
    models = [classifier(), classifier()]
    for number, model in enumerate(models):
        trainer(classifier(), pictures, str(number), seed=number).fit(model, label="run")
    assert not same(*models)


def test_the_users_random_numbers_go_on_as_if_nothing_had_been(trainer, classifier, pictures):
    import random

    source, model = classifier(), classifier()
    random.seed(4)
    np.random.seed(4)
    expected = random.random(), np.random.random()
    random.seed(4)
    np.random.seed(4)
    trainer(source, pictures, epochs=1).fit(model, label="run")
    assert (random.random(), np.random.random()) == expected


@pytest.mark.backend
def test_a_finished_run_is_not_run_again(trainer, classifier, pictures, same):
    first, second = classifier(), classifier()
    made = trainer(classifier(), pictures)
    one, two = made.fit(first, label="run"), made.fit(second, label="run")
    assert (one.resumed, two.resumed) == (0, 2)
    assert one.history == two.history
    assert same(first, second)


def test_another_label_is_another_run(trainer, classifier, pictures):
    made = trainer(classifier(), pictures)
    made.fit(classifier(), label="run")
    assert made.fit(classifier(), label="run: 2/é").resumed == 0
    assert len(list((made.ground.folder).glob("*.npz"))) == 2


@pytest.mark.parametrize("change", ["model", "options", "data", "hook"])
def test_a_checkpoint_of_another_training_is_not_taken(trainer, classifier, pictures, change):
    import keras

    class Hook(keras.callbacks.Callback):
        strength = 1

        def __init__(self, strength):
            super().__init__()
            self.strength = strength

    x, y = pictures
    trainer(classifier(), pictures, epochs=1).fit(classifier(), label="run", hooks=[Hook(1)])
    model = classifier()
    if change == "model":
        model.get_layer("conv").bias.assign(np.ones(4))
    data = (x + 1, y) if change == "data" else pictures
    rate = 1e-3 if change == "options" else 1e-2
    again = trainer(classifier(), data, epochs=1, learning_rate=rate)
    hook = Hook(2 if change == "hook" else 1)
    assert again.fit(model, label="run", hooks=[hook]).resumed == 0


def test_a_damaged_checkpoint_is_not_taken(trainer, classifier, pictures):
    made = trainer(classifier(), pictures, epochs=1)
    made.fit(classifier(), label="run")
    path = made.ground.folder / "run.npz"
    path.write_bytes(path.read_bytes()[:-200])
    assert made.fit(classifier(), label="run").resumed == 0


def test_the_best_epoch_is_kept(trainer, classifier, pictures):
    import keras

    class Spoiler(keras.callbacks.Callback):
        """Makes every epoch but the second worse."""

        def on_epoch_begin(self, epoch, logs=None):
            for variable in self.model.student.trainable_variables:
                variable.assign(variable * (1 if epoch == 1 else 1.3))

    model = classifier()
    made = trainer(classifier(), pictures, epochs=4, learning_rate=1e-4)
    fitted = made.fit(model, label="run", hooks=[Spoiler()])
    assert fitted.best_epoch == 1 + int(np.argmin(fitted.history["val_loss"]))
    assert fitted.best_epoch < 4
    held = made.ground.data.validation
    (piece,) = list(held.epoch(0))
    given = keras.ops.convert_to_numpy(model(piece.inputs["image"], training=False))
    loss = -np.log(given[np.arange(len(given)), piece.labels["scores"]]).mean()
    assert loss == pytest.approx(min(fitted.history["val_loss"]), rel=1e-4)


def test_no_epoch_is_the_best_while_a_hook_is_not_settled(trainer, classifier, pictures):
    import keras

    class Late(keras.callbacks.Callback):
        settled = False

        def on_epoch_begin(self, epoch, logs=None):
            self.settled = epoch >= 2

        def on_train_batch_end(self, batch, logs=None):
            if not self.settled:
                return
            for variable in self.model.student.trainable_variables:  # worse than it was before
                variable.assign(variable * 3)

    made = trainer(classifier(), pictures, epochs=4, learning_rate=1e-3)
    assert made.fit(classifier(), label="run", hooks=[Late()]).best_epoch >= 3


def test_patience_stops_early(trainer, classifier, pictures):
    import keras

    class Worse(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            for variable in self.model.student.trainable_variables:
                variable.assign(variable * 2)

    made = trainer(classifier(), pictures, epochs=30, patience=2, learning_rate=1e-6)
    fitted = made.fit(classifier(), label="run", hooks=[Worse()])
    assert fitted.epochs == fitted.best_epoch + 2
    assert fitted.epochs < 30


@pytest.mark.backend
def test_a_cosine_ends_with_a_hundredth(trainer, classifier, pictures):
    """Loshchilov and Hutter 2017, equation 5, from one step to the next."""
    import keras

    rates = []

    class Hook(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            rates.append(float(self.model.optimizer.learning_rate))

    made = trainer(classifier(), pictures, epochs=3, learning_rate=0.02, schedule="cosine")
    made.fit(classifier(), label="run", hooks=[Hook()])
    steps = 3 * made.steps_per_epoch
    done = np.arange(1, steps + 1) / steps
    expected = 0.02 * (0.01 + 0.99 * (1 + np.cos(np.pi * done)) / 2)
    np.testing.assert_allclose(rates, expected, rtol=1e-4)


def test_nan_is_an_error_that_says_where(trainer, classifier, pictures):
    import keras

    class Breaker(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.student.get_layer("conv").bias.assign(np.full(4, np.nan))

    made = trainer(classifier(), pictures, epochs=3)
    with pytest.raises(TrainingError, match=r"epoch 2.*learning rate"):
        made.fit(classifier(), label="run", hooks=[Breaker()])


def test_hooks_hear_of_everything_once(trainer, classifier, pictures):
    import keras

    heard = []

    class Hook(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            heard.append("begin")

        def on_train_end(self, logs=None):
            heard.append("end")

        def on_epoch_begin(self, epoch, logs=None):
            heard.append(epoch)

        def on_epoch_end(self, epoch, logs=None):
            heard.append(sorted(logs))

        def on_train_batch_end(self, batch, logs=None):
            heard.append("step")

    made = trainer(classifier(), pictures, epochs=2)
    made.fit(classifier(), label="run", hooks=[Hook()])
    names = ["accuracy", "loss", "val_accuracy", "val_loss"]
    steps = ["step"] * made.steps_per_epoch
    assert heard == ["begin", 0, *steps, names, 1, *steps, names, "end"]


def _run(folder: Path, kill: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(KILLED), str(folder), kill]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "data", [pytest.param("arrays", marks=pytest.mark.backend), "generator", "dataset"]
)
def test_a_killed_training_ends_as_an_uninterrupted_one(tmp_path, data):
    """Kill it by signal 9 within its second and its third epoch; the weights are the same bits."""
    whole, killed = tmp_path / f"{data}-whole", tmp_path / f"{data}-killed"
    done = _run(whole)
    assert done.returncode == 0, done.stderr
    for place in ("1:2", "2:1"):
        assert _run(killed, place).returncode == -signal.SIGKILL
    again = _run(killed)
    assert again.returncode == 0, again.stderr
    assert "resumed 2" in again.stdout
    with np.load(whole / "result.npz") as one, np.load(killed / "result.npz") as other:
        assert one.files == other.files
        assert all(np.array_equal(one[name], other[name]) for name in one.files)
