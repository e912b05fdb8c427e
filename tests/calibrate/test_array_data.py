from __future__ import annotations

import subprocess
import sys
import zipfile

import numpy as np
import pytest

from edgekit.artifact import TensorSpec
from edgekit.calibrate.sources import open_samples
from edgekit.errors import DataError

IMAGE = TensorSpec(name="image", shape=(None, 8, 8, 1), dtype="float32")
PAIR = (
    TensorSpec(name="left", shape=(None, 3), dtype="float32"),
    TensorSpec(name="right", shape=(None, 2), dtype="int32"),
)


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    return rng.random((100, 8, 8), dtype="float32"), rng.integers(0, 3, 100)


def everything(samples, size=7):
    batches = list(samples.batches(size))
    assert all(len(batch) == size for batch in batches[:-1])
    return {name: np.concatenate([b.inputs[name] for b in batches]) for name in samples.names}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("name", ["x", "image", "arr_0"])
def test_npz_gives_what_was_saved(tmp_path, pictures, save, order, name):
    x, y = pictures
    save(tmp_path / "a.npz", **{name: np.asarray(x, order=order), "y": y})
    samples = open_samples(tmp_path / "a.npz", [IMAGE])
    assert np.array_equal(everything(samples)["image"], x[..., None])
    assert np.array_equal(np.concatenate([b.labels for b in samples.batches(9)]), y)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_choice_reads_just_those_rows_and_labels(tmp_path, pictures, save):
    x, y = pictures
    save(tmp_path / "a.npz", x=x, labels=y)
    samples = open_samples(tmp_path / "a.npz", [IMAGE], count=20, seed=3)
    assert len(samples) == 20
    assert np.array_equal(everything(samples)["image"], x[samples.indices][..., None])
    assert np.array_equal(
        np.concatenate([b.labels for b in samples.batches(6)]), y[samples.indices]
    )
    used, held = samples.split(0.25)
    assert (len(used), len(held)) == (15, 5)
    assert not set(used.indices) & set(held.indices)


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path, pictures, order):
    np.save(tmp_path / "a.npy", np.asarray(pictures[0], order=order))
    samples = open_samples(tmp_path / "a.npy", [IMAGE])
    assert np.array_equal(everything(samples)["image"][..., 0], pictures[0])
    assert not samples.labelled


@pytest.mark.parametrize(
    ("shape", "count"), [((5, 8, 8, 1), 5), ((5, 8, 8), 5), ((8, 8, 1), 1), ((8, 8), 1)]
)
def test_missing_axes_are_added_where_nothing_else_can_be_meant(shape, count):
    samples = open_samples(np.zeros(shape), [IMAGE])
    assert everything(samples)["image"].shape == (count, 8, 8, 1)


def test_a_trailing_axis_of_one_is_dropped():
    spec = TensorSpec(name="v", shape=(None, 4), dtype="float32")
    assert everything(open_samples(np.zeros((6, 4, 1)), [spec]))["v"].shape == (6, 4)


def test_several_inputs_and_outputs(tmp_path):
    np.savez(
        tmp_path / "a.npz", left=np.zeros((4, 3)), right=np.ones((4, 2), "int64"),
        digit=np.arange(4), mass=np.ones((4, 1)), note=np.array(["a"] * 4), scale=np.float32(2),
    )  # fmt: skip
    samples = open_samples(tmp_path / "a.npz", PAIR)
    (batch,) = samples.batches(10)
    assert batch.inputs["right"].dtype == np.int32
    assert sorted(batch.targets) == ["digit", "mass"]


def test_digest_changes_with_data_choice_and_options(tmp_path, pictures):
    np.savez(tmp_path / "a.npz", x=pictures[0])
    np.savez(tmp_path / "b.npz", x=pictures[0] + 1)
    digests = {
        open_samples(tmp_path / "a.npz", [IMAGE]).digest,
        open_samples(tmp_path / "b.npz", [IMAGE]).digest,
        open_samples(tmp_path / "a.npz", [IMAGE], count=9).digest,
        open_samples(tmp_path / "a.npz", [IMAGE], count=9, seed=1).digest,
        open_samples(pictures[0], [IMAGE]).digest,
    }
    assert len(digests) == 5
    assert open_samples(tmp_path / "a.npz", [IMAGE]).digest in digests


def bad_arrays():
    x = np.zeros((4, 8, 8, 1), np.float32)
    hole = x.copy()
    hole[2, 0, 0] = np.nan
    endless = x.copy()
    endless[3] = np.inf
    yield "shape", {"x": np.zeros((4, 9, 9, 1))}, "expected samples of shape 8x8x1, got 9x9x1"
    yield "channels first", {"image": np.zeros((4, 3, 8, 8))}, "expected samples of shape"
    yield "name", {"picture": x}, "image (8x8x1) (or x), got: picture"
    yield "strings", {"x": np.array(["a", "b"])}, "expected numbers, got dtype <U1"
    yield "complex", {"x": x.astype(complex)}, "expected numbers, got dtype complex"
    yield "objects", {"x": np.array([{}, 1], object)}, "never loaded"
    yield "empty", {"x": x[:0]}, "it is empty"
    yield "nan", {"x": hole}, "sample 2 holds NaN or infinity"
    yield "infinity", {"x": endless}, "sample 3 holds NaN or infinity"
    yield "overflow", {"x": x.astype("float64") + 1e300}, "sample 0 holds NaN or infinity"
    yield "labels", {"x": x, "y": np.zeros(3)}, "as many labels as samples (4), 'y' has 3"
    yield "label text", {"x": x, "y": np.array(list("abcd"))}, "labels 'y': expected numbers"
    yield "nothing", {}, "the archive holds none"


@pytest.mark.parametrize(("arrays", "text"), [pytest.param(*c[1:], id=c[0]) for c in bad_arrays()])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_bad_arrays_are_one_clear_line(tmp_path, save, arrays, text):
    save(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError) as caught:
        everything(open_samples(tmp_path / "a.npz", [IMAGE]))
    assert text in str(caught.value)
    assert "a.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lengths_that_differ_are_listed():
    with pytest.raises(DataError, match="got: left 4, right 5"):
        open_samples({"left": np.zeros((4, 3)), "right": np.zeros((5, 2))}, PAIR)


def test_fractions_into_an_integer_input_are_refused():
    with pytest.raises(DataError, match=r"sample 1 holds 0\.5"):
        everything(open_samples({"left": np.zeros((2, 3)), "right": [[0, 1], [0.5, 1]]}, PAIR))


def damaged(path, kind):
    raw = bytearray(path.read_bytes())
    if kind == "cut":
        path.write_bytes(raw[: len(raw) // 2])
    elif kind == "flipped":
        raw[len(raw) // 3] ^= 0xFF
        path.write_bytes(raw)
    elif kind == "text":
        path.write_text("hello")
    else:
        path.write_bytes(b"")


@pytest.mark.parametrize("kind", ["cut", "flipped", "text", "nothing"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_archives(tmp_path, pictures, save, kind):
    save(tmp_path / "a.npz", x=pictures[0])
    damaged(tmp_path / "a.npz", kind)
    with pytest.raises(DataError, match=r"a\.npz"):
        everything(open_samples(tmp_path / "a.npz", [IMAGE]))


@pytest.mark.parametrize("kind", ["cut", "text", "nothing"])
def test_damaged_npy(tmp_path, pictures, kind):
    np.save(tmp_path / "a.npy", pictures[0])
    damaged(tmp_path / "a.npy", kind)
    with pytest.raises(DataError, match=r"a\.npy"):
        open_samples(tmp_path / "a.npy", [IMAGE])


def test_an_archive_that_lies_about_its_size(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 8, 8), np.float32))
    raw = (tmp_path / "x.npy").read_bytes().replace(b"(2, 8, 8)", b"(9, 8, 8)")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", raw)
    with pytest.raises(DataError, match="the archive says"):
        open_samples(tmp_path / "a.npz", [IMAGE])


@pytest.mark.parametrize("cut", range(0, 600, 37))
def test_any_cut_of_a_npy_is_an_error(tmp_path, cut):
    np.save(tmp_path / "x.npy", np.zeros((2, 8, 8), np.float32))
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:cut])
    with pytest.raises(DataError):
        open_samples(tmp_path / "x.npy", [IMAGE])


MEMORY = """
import resource, sys
from edgekit.artifact import TensorSpec
from edgekit.calibrate.sources import open_samples
spec = TensorSpec(name="x", shape=(None, 64, 64, 3), dtype="float32")
samples = open_samples(sys.argv[1], [spec], count=int(sys.argv[2]))
total = sum(float(batch.inputs["x"].sum()) for batch in samples.batches(16))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_memory_does_not_grow_with_the_source(tmp_path, save):
    def peak_kib(count):
        command = [sys.executable, "-c", MEMORY, str(tmp_path / "a.npz"), str(count)]
        return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    save(tmp_path / "a.npz", x=np.ones((2_000, 64, 64, 3), np.float32))  # 98 MB
    assert peak_kib(2_000) - peak_kib(20) < 12_000
