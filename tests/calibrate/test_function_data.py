from __future__ import annotations

import itertools

import numpy as np
import pytest

from edgekit.artifact import TensorSpec
from edgekit.calibrate.sources import open_samples
from edgekit.errors import DataError, EdgekitError

IMAGE = TensorSpec(name="image", shape=(None, 4, 4, 1), dtype="float32")
PAIR = (
    TensorSpec(name="left", shape=(None, 3), dtype="float32"),
    TensorSpec(name="right", shape=(None, 2), dtype="float32"),
)
X = np.arange(30 * 16, dtype="float32").reshape(30, 4, 4, 1)
Y = np.arange(30) % 3


def single():
    yield from X


def labelled():
    yield from zip(X, Y, strict=True)


def as_tflite_does():
    for x in X:
        yield [x[None]]


def named():
    for x, y in zip(X, Y, strict=True):
        yield {"image": x}, y


def in_batches():
    for start in range(0, 30, 8):
        yield X[start : start + 8], Y[start : start + 8]


def without_channels():
    yield from X[..., 0]


def whole():
    return X, Y


def endless():
    for i in itertools.count():
        yield X[i % 30] + i


def collect(samples, size=7):
    batches = list(samples.batches(size))
    return np.concatenate([b.inputs["image"] for b in batches]), batches


@pytest.mark.parametrize(
    "function",
    [single, labelled, as_tflite_does, named, in_batches, without_channels, whole, lambda: list(X)],
)
def test_all_ways_to_yield_samples(function):
    samples = open_samples(function, [IMAGE])
    for _ in range(2):
        x, batches = collect(samples)
        assert np.array_equal(x, X)
        assert [len(b) for b in batches] == [7, 7, 7, 7, 2]
        if samples.labelled:
            assert np.array_equal(np.concatenate([b.labels for b in batches]), Y)
    assert samples.labelled == (function in (labelled, named, in_batches, whole))
    assert samples.digest is None


def test_a_choice_is_stratified_and_splits_disjointly():
    samples = open_samples(labelled, [IMAGE], count=12)
    assert np.bincount(samples.classes()).tolist() == [4, 4, 4]
    used, held = samples.split(0.5)
    assert np.array_equal(collect(used)[0], X[used.indices])
    assert not set(used.indices) & set(held.indices)


def test_an_endless_function_is_read_as_far_as_needed():
    samples = open_samples(endless, [IMAGE], count=5)
    assert len(samples) == 5
    assert samples.indices.max() < 100
    assert len(collect(samples)[0]) == 5


def test_tf_data_and_a_keras_dataset():
    import keras
    import tensorflow as tf

    class Loader(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return X[i * 10 : (i + 1) * 10], Y[i * 10 : (i + 1) * 10]

    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(7)
    for data in (dataset, Loader(), lambda: dataset, Loader):
        samples = open_samples(data, [IMAGE])
        assert np.array_equal(collect(samples)[0], X)
        assert samples.labelled


def test_several_inputs():
    def function():
        for i in range(5):
            yield {"left": np.full(3, i), "right": np.full(2, i)}, {"a": i, "b": [i, i]}

    (batch,) = open_samples(function, PAIR).batches(9)
    assert batch.inputs["left"].shape == (5, 3)
    assert batch.targets["b"].shape == (5, 2)
    listed = open_samples(lambda: ([np.zeros(3), np.zeros(2)] for _ in range(4)), PAIR)
    assert len(listed) == 4


def test_module_and_function(tmp_path, monkeypatch):
    (tmp_path / "my_calibration_data.py").write_text(
        "import numpy as np\n"
        "def samples():\n    yield from np.ones((3, 4, 4, 1))\n"
        "def broken():\n    yield np.ones((4, 4, 1))\n    raise RuntimeError('no disk')\n"
        "number = 5\n"
    )
    monkeypatch.chdir(tmp_path)
    assert len(open_samples("my_calibration_data:samples", [IMAGE])) == 3
    with pytest.raises(DataError, match="RuntimeError: no disk"):
        open_samples("my_calibration_data:broken", [IMAGE])
    with pytest.raises(DataError, match="has no attribute 'missing'"):
        open_samples("my_calibration_data:missing", [IMAGE])
    with pytest.raises(DataError, match="got int"):
        open_samples("my_calibration_data:number", [IMAGE])
    (tmp_path / "my_broken_module.py").write_text("def samples(:\n")
    with pytest.raises(DataError, match="SyntaxError"):
        open_samples("my_broken_module:samples", [IMAGE])


def test_a_function_that_yields_other_samples_each_time_is_found_out():
    rng = np.random.default_rng()
    samples = open_samples(lambda: iter(rng.random((9, 4, 4, 1))), [IMAGE])
    with pytest.raises(DataError, match="sample 0 differs"):
        collect(samples)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (lambda: iter([]), "yields none"),
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: [object()], "expected numbers"),
        (lambda: ["text"], "expected numbers"),
        (lambda: [None], "expected numbers"),
        (lambda: [np.zeros((5, 5))], "expected samples of shape 4x4x1"),
        (lambda: [{"img": X[0]}], "got a dict with img"),
        (lambda: [(X[0], "cat")], "as the label"),
        (lambda: None, "NoneType"),
        (lambda x: x, "TypeError"),
        (iter(X), "used up after one pass"),
        (5, "got int"),
        (None, "got NoneType"),
        ([], "none"),
        ("no_such_module_here:f", "ModuleNotFoundError"),
        ("nowhere.npz", "no such file"),
        ("nowhere/else", "no such file"),
        ("digit", "did you mean 'digits'"),
        (__file__, "ends in '.py'"),
    ],
)
def test_what_is_no_data_is_one_clear_line(data, said):
    with pytest.raises(EdgekitError) as caught:
        collect(open_samples(data, [IMAGE]))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
