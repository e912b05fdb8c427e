from itertools import pairwise

import keras  # noqa: TID253
import numpy as np
import pytest

from edgekit.errors import OptionError, PassError
from edgekit.passes import PASSES, passes_of
from edgekit.passes.base import Context
from edgekit.passes.graph import flat
from edgekit.passes.hooks import GradualMasking, hook
from edgekit.passes.magnitude_prune import MagnitudePrune
from edgekit.passes.weights import kernels
from edgekit.progress import Silent
from edgekit.target import Target
from edgekit.training import Trainer, TrainingOptions

L = keras.layers


@pytest.fixture
def model():
    keras.utils.set_random_seed(3)
    x = inputs = keras.Input((8, 8, 3), name="picture")
    x = L.Conv2D(8, 3, name="first")(x)
    x = L.BatchNormalization(name="norm")(x)
    y = L.Conv2D(16, 1, name="narrow")(L.ReLU(name="relu")(x))
    x = L.Concatenate(name="join")([x, L.SeparableConv2D(16, 3, padding="same", name="sep")(y)])
    x = L.GlobalAveragePooling2D(name="pool")(x)
    return flat(keras.Model(inputs, L.Dense(5, activation="softmax", name="last")(x)))


@pytest.fixture
def trainer(model, tmp_path):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(64, 8, 8, 3)).astype("float32")
    y = x.mean(axis=(1, 2, 3)).argsort().argsort() * 5 // 64
    np.savez(tmp_path / "train.npz", x=x, y=y)
    options = TrainingOptions(epochs=3, batch_size=16, learning_rate=1e-2, loss=None)
    return Trainer(model, str(tmp_path / "train.npz"), options, folder=tmp_path, progress=Silent())


def zeros(model):
    return {w.key: float((w.read() == 0).mean()) for w in kernels(model)}


def test_at_once_each_kernel_loses_its_share(model):
    outcome = MagnitudePrune(epochs=0, sparsity=0.75).run(model, Context())

    assert zeros(outcome.model) == {
        "first/kernel": 0.75, "narrow/kernel": 0.75, "sep/depthwise_kernel": 0.75,
        "sep/pointwise_kernel": 0.75, "last/kernel": 0.75,
    }  # fmt: skip
    assert outcome.figures["sparsity"] == 0.75
    assert outcome.figures["compressed_share"] < 0.6
    assert {t.layer for t in outcome.treatments if t.done} == {"first", "narrow", "sep", "last"}
    assert {t.layer for t in outcome.treatments if t.skipped} == {"norm", "relu", "join", "pool"}


@pytest.mark.parametrize("schedule", ["polynomial", "constant"])
def test_zeros_are_exact_after_training(model, trainer, schedule):
    before = model.get_weights()
    outcome = MagnitudePrune(schedule=schedule, skip=("first",)).run(
        model, Context(trainer=trainer)
    )

    assert zeros(outcome.model) == {
        "first/kernel": 0.0, "narrow/kernel": 0.5, "sep/depthwise_kernel": 0.5,
        "sep/pointwise_kernel": 0.5, "last/kernel": pytest.approx(0.5, abs=0.01),
    }  # fmt: skip
    assert not np.array_equal(before[0], outcome.model.get_weights()[0]), "trained"


class Looks(keras.callbacks.Callback):
    """Records how many weights are zero after every step."""

    def __init__(self, weights):
        super().__init__()
        self.weights_seen, self.seen = weights, []

    def on_train_batch_end(self, batch, logs=None):
        self.model.get_metrics_result()  # lets JAX put its state back
        self.seen.append([w.read() == 0 for w in self.weights_seen])


def test_masks_hold_after_every_step_and_only_grow(model):
    (narrow,) = (w for w in kernels(model) if w.key == "narrow/kernel")
    step = MagnitudePrune(sparsity=0.8)
    masking = GradualMasking(
        [narrow], lambda s: step.masks([narrow], s), final=0.8, initial=0.2, ramp=10, every=3
    )
    looks = Looks([narrow])
    x = np.random.default_rng(0).normal(size=(40, 8, 8, 3)).astype("float32")
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9),
        "sparse_categorical_crossentropy",
        jit_compile=keras.backend.backend() == "jax",
    )
    model.fit(
        x, np.arange(40) % 5, batch_size=2, verbose=0, callbacks=[hook(masking, told=step), looks]
    )

    seen = [zero for (zero,) in looks.seen]
    assert all((later | ~zero).all() for zero, later in pairwise(seen))
    counts = [int(zero.sum()) for zero in seen]
    size = narrow.size
    expected = [0.8 - 0.6 * (1 - t / 10) ** 3 for t in (0, 0, 3, 3, 3, 6, 6, 6, 9, 10)]
    assert counts[:10] == [int(s * size) for s in expected]
    assert counts[10:] == [int(0.8 * size)] * 10


def test_what_is_resumed_ends_as_what_was_not_interrupted(model):
    (weight,) = (w for w in kernels(model) if w.key == "narrow/kernel")
    step = MagnitudePrune(sparsity=0.5)

    def masking():
        return GradualMasking(
            [weight], lambda s: step.masks([weight], s), final=0.5, initial=0.0, ramp=8, every=2
        )

    first = masking()
    first.begin()
    for _ in range(5):
        first.step()
    second = masking()
    second.restore({key: np.array(value) for key, value in first.state().items()})
    second.begin()

    assert second.steps == 5
    assert np.array_equal(second.masks[0], first.masks[0])
    assert not second.settled
    for _ in range(3):
        second.step()
    assert second.settled
    assert np.count_nonzero(weight.read() == 0) == weight.size // 2


def test_two_of_four_along_input_channels(model):
    outcome = MagnitudePrune(epochs=0, pattern="2:4").run(model, Context())

    found = {w.key: w.read() for w in kernels(outcome.model)}
    pointwise = found["sep/pointwise_kernel"][0, 0]
    assert ((pointwise.reshape(-1, 4, 16) != 0).sum(axis=1) == 2).all()
    assert (found["first/kernel"] != 0).all(), "three input channels make no group"


def test_blocks_of_output_channels_in_1x1_convolutions(model):
    outcome = MagnitudePrune(epochs=0, pattern="block", sparsity=0.75).run(model, Context())

    found = {w.key: w.read() for w in kernels(outcome.model)}
    blocks = found["narrow/kernel"][0, 0].reshape(8, 4, 4) != 0
    assert (blocks.all(axis=2) | ~blocks.any(axis=2)).all()
    assert np.count_nonzero(~blocks) == 96
    assert (found["last/kernel"] != 0).all()


def test_one_threshold_for_all(model):
    outcome = MagnitudePrune(epochs=0, scope="global").run(model, Context())

    assert outcome.figures["sparsity"] == pytest.approx(0.5, abs=1e-3)
    assert len(set(zeros(outcome.model).values())) > 2


def test_the_result_is_a_plain_model(model, tmp_path):
    outcome = MagnitudePrune(epochs=0).run(model, Context())
    outcome.model.save(tmp_path / "pruned.keras")
    again = keras.models.load_model(tmp_path / "pruned.keras")

    x = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype("float32")
    assert np.array_equal(again.predict(x, verbose=0), outcome.model.predict(x, verbose=0))
    assert zeros(again) == zeros(outcome.model)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"sparsity": 1.0}, r"share in \[0, 1\)"),
        ({"initial_sparsity": 0.6}, "initial_sparsity"),
        ({"pattern": "2:4", "sparsity": 0.7}, "exactly half"),
        ({"pattern": "block", "scope": "global"}, "unstructured"),
        ({"block": 1}, "block"),
        ({"ramp": 1.5}, "ramp"),
        ({"frequency": 0}, "frequency"),
        ({"epochs": -1}, "epochs"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"sparsty": 0.3}, "did you mean 'sparsity'"),
        ({"pattern": "4:8"}, "pattern"),
    ],
)
def test_options_out_of_range_are_refused(options, text):
    with pytest.raises(OptionError, match=text):
        passes_of([{"name": "magnitude-prune", **options}], where="here")


def test_training_is_needed_only_where_epochs_are():
    assert PASSES.load("magnitude-prune") is MagnitudePrune
    assert "training" in MagnitudePrune().needs
    assert "training" not in MagnitudePrune(epochs=0).needs


def test_without_training_data_it_says_what_to_do(model):
    with pytest.raises(PassError, match="epochs = 0"):
        MagnitudePrune().run(model, Context())


def test_blocks_are_objected_to_where_nothing_reads_them():
    assert MagnitudePrune(pattern="block", sparsity=0.8).objections(None, ()) == []
    assert (
        MagnitudePrune(pattern="block", sparsity=0.8).objections(Target.load("tflite-fp32"), ())
        == []
    )
    assert (
        "two thirds"
        in MagnitudePrune(pattern="block").objections(Target.load("tflite-fp32"), ())[0]
    )
    assert (
        "XNNPACK"
        in MagnitudePrune(pattern="block", sparsity=0.8).objections(Target.load("tflite-int8"), ())[
            0
        ]
    )


def test_zeros_that_stay_are_plain_zeros(model, trainer):
    outcome = MagnitudePrune().run(model, Context(trainer=trainer))

    numbers = np.concatenate([w.read().ravel() for w in kernels(outcome.model)])
    assert not np.signbit(numbers[numbers == 0]).any()
