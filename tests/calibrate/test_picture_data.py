from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from edgekit.artifact import TensorSpec
from edgekit.calibrate.preprocessing import PictureOptions
from edgekit.calibrate.sources import open_samples
from edgekit.errors import DataError, OptionError


def spec(*shape, dtype="float32"):
    return TensorSpec(name="image", shape=(None, *shape), dtype=dtype)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog", "empty", ".hidden"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(3 if name != "empty" else 0):
            pixels = rng.integers(0, 256, (20, 31, 3), dtype="uint8")
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{i}.png")
    return tmp_path / "data"


def test_subfolders_are_classes_as_in_keras(folder):
    import keras

    samples = open_samples(folder, [spec(12, 10, 3)])
    (batch,) = samples.batches(100)
    theirs = keras.utils.image_dataset_from_directory(
        str(folder), image_size=(12, 10), shuffle=False, batch_size=100, verbose=False
    )
    ((x, y),) = theirs.as_numpy_iterator()
    assert np.array_equal(batch.labels, y)
    # Keras does not round to whole numbers after resizing.
    assert np.abs(batch.inputs["image"] - x).max() < 1.01


@pytest.mark.parametrize(
    ("scaling", "low", "high"), [("raw", 0, 255), ("0..1", 0, 1), ("-1..1", -1, 1)]
)
def test_scaling(folder, scaling, low, high):
    samples = open_samples(folder, [spec(20, 31, 3)], options=PictureOptions(scaling=scaling))
    (batch,) = samples.batches(100)
    assert batch.inputs["image"].min() == pytest.approx(low, abs=1e-6)
    assert batch.inputs["image"].max() == pytest.approx(high, abs=1e-6)


def test_scale_and_offset_by_channel(folder):
    options = PictureOptions(scale=(1.0, 2.0, 3.0), offset=(0.0, 0.0, -1.0))
    raw = next(open_samples(folder, [spec(20, 31, 3)]).batches(9)).inputs["image"]
    scaled = next(open_samples(folder, [spec(20, 31, 3)], options=options).batches(9))
    assert np.array_equal(scaled.inputs["image"], raw * [1, 2, 3] + np.float32([0, 0, -1]))


@pytest.mark.parametrize(
    ("shape", "colour"), [((9, 9, 1), "auto"), ((9, 9), "grey"), ((9, 9, 4), "rgba")]
)
def test_channels_follow_the_model(folder, shape, colour):
    samples = open_samples(folder, [spec(*shape)], options=PictureOptions(colour=colour))
    assert next(samples.batches(2)).inputs["image"].shape == (2, *shape)


def test_bgr_swaps(folder):
    rgb = next(open_samples(folder, [spec(20, 31, 3)]).batches(9)).inputs["image"]
    bgr = next(
        open_samples(folder, [spec(20, 31, 3)], options=PictureOptions(colour="bgr")).batches(9)
    )
    assert np.array_equal(bgr.inputs["image"], rgb[..., ::-1])


def test_an_integer_input_takes_raw_pictures(folder):
    samples = open_samples(folder, [spec(8, 8, 3, dtype="uint8")])
    assert next(samples.batches(2)).inputs["image"].dtype == np.uint8


def test_crop_keeps_proportions(tmp_path):
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 200
    Image.fromarray(wide).save(tmp_path / "a.png")
    samples = open_samples(tmp_path, [spec(10, 10, 1)], options=PictureOptions(crop=True))
    assert (next(samples.batches(1)).inputs["image"] == 200).all()
    assert not samples.labelled


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "area", "lanczos"])
def test_every_interpolation_keeps_a_flat_picture_flat(tmp_path, interpolation):
    Image.fromarray(np.full((33, 17), 90, np.uint8)).save(tmp_path / "a.png")
    options = PictureOptions(interpolation=interpolation)
    samples = open_samples(tmp_path, [spec(16, 16, 1)], options=options)
    assert (next(samples.batches(1)).inputs["image"] == 90).all()


def test_sixteen_bits_keep_the_upper_eight(tmp_path):
    Image.fromarray(np.full((4, 4), 0x8012, np.uint16)).save(tmp_path / "a.png")
    samples = open_samples(tmp_path, [spec(4, 4, 1)])
    assert (next(samples.batches(1)).inputs["image"] == 0x80).all()


def test_a_damaged_picture_is_named(folder):
    path = folder / "dog" / "1.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"1\.png: the picture is damaged"):
        list(open_samples(folder, [spec(8, 8, 3)]).batches(4))


def test_a_text_file_called_png_is_named(folder):
    (folder / "dog" / "1.png").write_text("not a picture")
    with pytest.raises(DataError, match=r"1\.png: expected a picture"):
        list(open_samples(folder, [spec(8, 8, 3)]).batches(4))


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )
    (tmp_path / "a.png").write_bytes(bomb)
    with pytest.raises(DataError, match="megapixels"):
        list(open_samples(tmp_path, [spec(8, 8, 1)]).batches(1))


def test_a_folder_without_pictures(tmp_path):
    with pytest.raises(DataError, match="found none"):
        open_samples(tmp_path, [spec(8, 8, 1)])


def test_pictures_both_loose_and_in_subfolders(folder):
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / "loose.png")
    with pytest.raises(DataError, match="got both"):
        open_samples(folder, [spec(8, 8, 3)])


@pytest.mark.parametrize("shape", [(10,), (8, 8, 7), (2, 8, 8, 3), (None, None, 3)])
def test_models_that_take_no_pictures(folder, shape):
    with pytest.raises(DataError, match=r"pictures|known size"):
        open_samples(folder, [spec(*shape)])


def test_contradictory_options(folder):
    with pytest.raises(OptionError, match="got both"):
        open_samples(folder, [spec(8, 8, 3)], options=PictureOptions(scaling="0..1", scale=2.0))
    with pytest.raises(OptionError, match="channels"):
        open_samples(folder, [spec(8, 8, 3)], options=PictureOptions(colour="grey"))
    with pytest.raises(DataError, match="each of the 3 channels"):
        options = PictureOptions(scale=(1.0, 2.0))
        list(open_samples(folder, [spec(8, 8, 3)], options=options).batches(1))


def test_digest_sees_a_changed_picture_and_a_moved_one(folder):
    first = open_samples(folder, [spec(8, 8, 3)]).digest
    (folder / "dog" / "1.png").rename(folder / "dog" / "9.png")
    second = open_samples(folder, [spec(8, 8, 3)]).digest
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / "dog" / "9.png")
    assert len({first, second, open_samples(folder, [spec(8, 8, 3)]).digest}) == 3
