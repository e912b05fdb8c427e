"""Training data: all forms, in an order that only the seed decides."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.errors import DataError, TrainingError


def _labels(made):
    """Return the first input value of every sample of two epochs, in the order of training."""
    data = made.ground.data.training
    return [
        np.concatenate([p.inputs["image"][:, 0, 0, 0] for p in data.epoch(n)]) for n in range(2)
    ]


def test_arrays_are_shuffled_by_seed_and_epoch(trainer, classifier, pictures):
    first, second = _labels(trainer(classifier(), pictures, validation=0))
    assert not np.array_equal(first, second)
    assert np.array_equal(np.sort(first), np.sort(second))
    again = _labels(trainer(classifier(), pictures, validation=0))
    assert np.array_equal(again[1], second)
    other = _labels(trainer(classifier(), pictures, validation=0, seed=1))
    assert not np.array_equal(other[0], first)


def test_labels_stay_with_their_samples(trainer, classifier, pictures):
    x, y = pictures
    made = trainer(classifier(), pictures, validation=0.25)
    known = {row.tobytes(): label for row, label in zip(x, y, strict=True)}
    count = 0
    for pieces in made.ground.data.all:
        for piece in pieces.epoch(1):
            rows = zip(piece.inputs["image"], piece.labels["scores"], strict=True)
            assert all(known[row.tobytes()] == label for row, label in rows)
            count += len(piece)
    assert count == len(x)


def test_validation_is_stratified_and_disjoint(trainer, classifier, pictures):
    x, _ = pictures
    y = np.array([0] * 80 + [1] * 8 + [2] * 8)
    made = trainer(classifier(), (x, y), validation=0.25)
    held = np.concatenate([p.labels["scores"] for p in made.ground.data.validation.epoch(0)])
    assert np.bincount(held).tolist() == [20, 2, 2]
    assert made.steps_per_epoch == 3


@pytest.mark.parametrize("kind", ["npz", "compressed", "csv", "list", "triple"])
def test_forms_that_can_be_read_in_any_order(trainer, classifier, pictures, tmp_path, kind):
    x, y = pictures
    path = tmp_path / "data.npz"
    if kind == "npz":
        np.savez(path, x=x, y=y)
    elif kind == "compressed":
        np.savez_compressed(path, x=x, y=y)
    elif kind == "csv":
        path = path.with_suffix(".csv")
        rows = [",".join([*map(repr, map(float, a.ravel())), str(b)]) for a, b in zip(x, y)]  # noqa: B905
        path.write_text("\n".join([",".join([*(f"f{i}" for i in range(36)), "label"]), *rows]))
    data = {"list": list(zip(x, y, strict=True)), "triple": (x, y, np.ones(96))}.get(kind, path)
    if kind == "csv":
        import keras

        inner = classifier()
        inputs = keras.Input((36,), name="image")
        flat = keras.Model(inputs, inner(keras.layers.Reshape((6, 6, 1))(inputs)))
        assert trainer(flat, data, epochs=1).fit(flat, label="run").epochs == 1
        return
    plain = trainer(classifier(), (x, y), validation=0)
    made = trainer(classifier(), data, validation=0)
    assert np.array_equal(_labels(made)[1], _labels(plain)[1])
    pieces = list(made.ground.data.training.epoch(0))
    assert all((piece.weights is not None) == (kind == "triple") for piece in pieces)


def _batches(x, y):
    for start in range(0, len(x), 20):
        yield x[start : start + 20], y[start : start + 20]


@pytest.mark.parametrize("kind", ["samples", "batches", "tf.data", "tf.data samples", "PyDataset"])
def test_forms_in_an_order_of_their_own(trainer, classifier, pictures, kind):
    import keras

    x, y = pictures

    class Dataset(keras.utils.PyDataset):
        def __len__(self):
            return 5

        def __getitem__(self, place):
            return x[place * 20 : place * 20 + 20], y[place * 20 : place * 20 + 20]

    def give():
        if kind == "samples":
            return zip(x, y, strict=True)
        if kind == "batches":
            return _batches(x, y)
        if kind == "PyDataset":
            return Dataset()
        tensorflow = pytest.importorskip("tensorflow")
        whole = tensorflow.data.Dataset.from_tensor_slices((x, y))
        return whole if kind == "tf.data samples" else whole.batch(20)

    made = trainer(classifier(), give, batch_size=32)
    assert made.steps_per_epoch == (3 if "samples" in kind else 5)
    assert np.array_equal(_labels(made)[1], x[:, 0, 0, 0])
    assert made.fit(classifier(), label="run").epochs == 2
    given = [labels for _, labels in made.batches(32)]
    assert np.array_equal(np.concatenate(given), y)


def test_a_pair_of_streams_is_training_and_validation(trainer, classifier, pictures):
    x, y = pictures
    pair = (lambda: _batches(x[:80], y[:80]), lambda: _batches(x[80:], y[80:]))
    fitted = trainer(classifier(), pair).fit(classifier(), label="run")
    assert "val_loss" in fitted.history


def test_module_and_function(trainer, classifier, pictures, tmp_path, monkeypatch):
    np.savez(tmp_path / "kept.npz", x=pictures[0], y=pictures[1])
    (tmp_path / "own_training_data.py").write_text(
        "import numpy as np\n"
        "stored = dict(np.load('kept.npz'))\n"
        "def arrays():\n    return stored['x'], stored['y']\n"
        "def augmented():\n"
        "    for x, y in zip(stored['x'], stored['y']):\n"
        "        yield x + np.random.normal(), y\n"
    )
    monkeypatch.chdir(tmp_path)
    assert (
        "val_loss"
        in trainer(classifier(), "own_training_data:arrays")
        .fit(classifier(), label="arrays")
        .history
    )
    made = trainer(classifier(), "own_training_data:augmented")
    assert made.fit(classifier(), label="augmented").epochs == 2


def test_sample_weights_count(trainer, classifier, pictures, same):
    x, y = pictures
    models = [classifier(), classifier()]
    weights = [np.ones(96), np.arange(96) % 2]
    for model, weight in zip(models, weights, strict=True):
        made = trainer(classifier(), (x, y, weight), str(weight[0]), validation=0)
        made.fit(model, label="run")
    assert not same(*models)


def test_several_inputs_and_outputs(trainer, forked, forked_data):
    made = trainer(forked(), forked_data, epochs=3)
    assert "kind: sparse" in made.task
    assert "size: mean_squared" in made.task
    fitted = made.fit(forked(), label="run")
    assert fitted.history["loss"][-1] < fitted.history["loss"][0]
    assert "kind_accuracy" in fitted.history
    inputs, labels = next(made.batches(8))
    assert list(inputs) == ["a", "b"]
    assert labels["kind"].shape == (8,)


def test_outputs_without_labels_are_left_alone(trainer, forked, forked_data):
    del forked_data["size"]
    made = trainer(forked(), forked_data)
    assert "size" not in made.task
    model = forked()
    made.fit(model, label="run")
    kernels = [m.get_layer("size").kernel.numpy() for m in (model, forked())] if hasattr(
        model.get_layer("size").kernel, "numpy") else None  # fmt: skip
    assert kernels is None or np.array_equal(*kernels)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (lambda: (v for v in ()), "yields none"),
        (lambda: iter([np.zeros((2, 6, 6, 1))] * 2), None),
        (iter([]), "used up"),
        ("nowhere.npz", "no such file"),
        ((np.zeros((4, 5, 5, 1)), np.zeros(4)), "6x6x1"),
    ],
)
def test_bad_data_are_refused(trainer, classifier, data, text):
    if text is None:
        with pytest.raises(TrainingError, match="labels"):
            trainer(classifier(), data).fit(classifier(), label="run")
        return
    with pytest.raises(DataError, match=text):
        trainer(classifier(), data)


def test_an_endless_dataset_is_refused(trainer, classifier, pictures):
    tensorflow = pytest.importorskip("tensorflow")
    data = tensorflow.data.Dataset.from_tensor_slices(pictures).batch(8).repeat()
    with pytest.raises(DataError, match="without end"):
        _ = trainer(classifier(), data).steps_per_epoch


def test_an_epoch_that_is_too_short_is_refused(trainer, classifier, pictures):
    x, y = pictures
    lengths = iter([60, 60, 60, 60, 20])

    def give():
        return _batches(x[: (n := next(lengths, 20))], y[:n])

    with pytest.raises(DataError, match="batches in every epoch"):
        trainer(classifier(), give, epochs=9).fit(classifier(), label="run")


def test_what_the_users_code_raises_is_told(trainer, classifier, pictures):
    x, y = pictures
    calls = iter(range(99))

    def give():
        yield x[:20], y[:20]
        if next(calls) > 1:
            raise RuntimeError("the disk has gone")
        yield x[20:40], y[20:40]

    with pytest.raises(DataError, match="the disk has gone"):
        trainer(classifier(), give, epochs=9).fit(classifier(), label="run")
