"""Samples from a folder of pictures; subfolders are classes, as Keras reads them."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from edgekit.artifact import TensorSpec
from edgekit.calibrate.fit import Fit, input_dtype, show
from edgekit.calibrate.preprocessing import PictureOptions
from edgekit.calibrate.samples import Batch, Indices
from edgekit.errors import DataError, OptionError

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
# Raster decoders only: EPS, for one, would start Ghostscript.
DECODERS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MOST_PIXELS = 64_000_000
_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}
_COLOURS = {"grey": 1, "rgb": 3, "bgr": 3, "rgba": 4}


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureSource:
    """Pictures, decoded one at a time."""

    folder: Path
    files: tuple[Path, ...]
    answers: Indices | None
    size: tuple[int, int]
    colour: str
    fitted: Fit
    options: PictureOptions
    class_names: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """The folder's path."""
        return str(self.folder)

    @property
    def labelled(self) -> bool:
        """Whether the pictures lie in subfolders."""
        return self.answers is not None

    def __len__(self) -> int:
        return len(self.files)

    def classes(self) -> Indices | None:
        """Return the place of each picture's subfolder among the sorted subfolders."""
        return self.answers

    def read(self, wanted: Indices, size: int) -> Iterator[Batch]:
        """Yield the pictures at ascending places."""
        for start in range(0, len(wanted), size):
            places = wanted[start : start + size]
            raw = np.stack([self._decode(self.files[i]) for i in places])
            yield Batch(
                inputs={self.fitted.spec.name: self.fitted.apply(raw, int(places[0]))},
                labels=None if self.answers is None else self.answers[places],
            )

    def digest(self, wanted: Indices) -> str | None:
        """Return a digest of the chosen files, their labels, and of how they are prepared."""
        whole = hashlib.sha256(f"{self.size} {self.colour} {self.options}".encode())
        for i in wanted.tolist():
            label = None if self.answers is None else int(self.answers[i])
            whole.update(f"{self.files[i].relative_to(self.folder).as_posix()} {label}".encode())
            with self.files[i].open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
        return whole.hexdigest()

    def _decode(self, path: Path) -> NDArray[np.uint8]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            try:
                with Image.open(path, formats=DECODERS) as picture:
                    _refuse_huge(picture, path)
                    return _pixels(picture, self.size, self.colour, self.options)
            except UnidentifiedImageError as error:
                raise DataError(
                    f"{path}: expected a picture ({', '.join(SUFFIXES)}), cannot be decoded; "
                    f"replace or remove it"
                ) from error
            except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
                raise _bomb(path) from error
            except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
                raise DataError(
                    f"{path}: the picture is damaged: {' '.join(str(error).split())}; "
                    f"replace or remove it"
                ) from error


def open_pictures(
    folder: Path, inputs: Sequence[TensorSpec], options: PictureOptions
) -> PictureSource:
    """Open a folder of pictures for a model whose one input is height x width x channels.

    Subfolders, sorted by name, are classes 0, 1, ...; without any, pictures have no labels.

    Raises:
        DataError: the model takes no picture or one of unknown size, or there are none.
    """
    height, width, channels, row = _frame(inputs, folder)
    colour = _colour(options, channels)
    files, answers, names = _listing(folder)
    if not files:
        raise DataError(
            f"{folder}: expected pictures ({', '.join(SUFFIXES)}), found none; "
            f"put them in it, or in one subfolder a class"
        )
    return PictureSource(
        folder=folder,
        files=tuple(files),
        answers=answers,
        size=(width, height),
        colour=colour,
        fitted=Fit(spec=inputs[0], origin=str(folder), row=row, options=options),
        options=options,
        class_names=names,
    )


def _frame(inputs: Sequence[TensorSpec], folder: Path) -> tuple[int, int, int, tuple[int, ...]]:
    """Return height, width, channels and the shape of a sample."""
    spec = inputs[0]
    want = spec.shape[1:]
    input_dtype(spec, str(folder))
    full = (*want, 1) if len(want) == 2 else want
    if len(inputs) != 1 or len(full) != 3 or full[2] not in (1, 3, 4, None):
        listed = ", ".join(f"{spec.name} ({show(spec.shape[1:])})" for spec in inputs)
        raise DataError(
            f"{folder}: pictures feed a model with one input of height x width x channels, this "
            f"one has {listed}; give an .npz, or module:function"
        )
    if full[0] is None or full[1] is None:
        raise DataError(
            f"{folder}: expected an input of known size to resize pictures to, {spec.name!r} is "
            f"{show(want)}; give --input-shape {spec.name}=1,HEIGHT,WIDTH,CHANNELS"
        )
    channels = 3 if full[2] is None else full[2]
    return full[0], full[1], channels, (full[0], full[1], channels)[: len(want)]


def _colour(options: PictureOptions, channels: int) -> str:
    if options.colour == "auto":
        return {1: "grey", 3: "rgb", 4: "rgba"}[channels]
    if _COLOURS[options.colour] != channels:
        raise OptionError(
            f"preprocessing: colour = {options.colour!r} has {_COLOURS[options.colour]} channels, "
            f"the model takes {channels}; leave colour out"
        )
    return options.colour


def _listing(folder: Path) -> tuple[list[Path], Indices | None, tuple[str, ...]]:
    """Return the pictures, their classes, and the names of these."""
    shown = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    loose = [path for path in shown if path.is_file() and path.suffix.lower() in SUFFIXES]
    subs = [path for path in shown if path.is_dir()]
    classed = [(label, path) for label, sub in enumerate(subs) for path in _below(sub)]
    if loose and classed:
        raise DataError(
            f"{folder}: expected pictures either in it or in one subfolder a class, got both "
            f"({loose[0].name}, {classed[0][1].relative_to(folder)}); move one kind away"
        )
    if loose:
        return loose, None, ()
    labels = np.array([label for label, _ in classed], np.int64)
    return [path for _, path in classed], labels, tuple(sub.name for sub in subs)


def _below(folder: Path) -> list[Path]:
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(place) / name
            for name in sorted(names)
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
        ]
    return found


def _refuse_huge(picture: ImageFile.ImageFile, path: Path) -> None:
    if picture.width * picture.height > MOST_PIXELS:
        raise _bomb(path)


def _bomb(path: Path) -> DataError:
    return DataError(
        f"{path}: expected a picture of at most {MOST_PIXELS // 1_000_000} megapixels, it claims "
        f"more (a decompression bomb?); shrink or remove it"
    )


def _pixels(
    picture: Image.Image, size: tuple[int, int], colour: str, options: PictureOptions
) -> NDArray[np.uint8]:
    mode = {"grey": "L", "rgb": "RGB", "bgr": "RGB", "rgba": "RGBA"}[colour]
    if picture.mode.startswith("I"):  # 16 bits: keep the upper 8, as TensorFlow's decoder does
        deep = np.asarray(picture).astype(np.int64)
        picture = Image.fromarray(np.clip(deep >> 8, 0, 255).astype(np.uint8))
    if picture.mode == "P" and "transparency" in picture.info:
        picture = picture.convert("RGBA")
    flat = np.asarray(_resize(picture.convert(mode), size, options))
    shaped = flat.reshape(size[1], size[0], -1)
    return shaped[..., ::-1] if colour == "bgr" else shaped


def _resize(picture: Image.Image, size: tuple[int, int], options: PictureOptions) -> Image.Image:
    if picture.size == size:
        return picture
    method = _RESAMPLING[options.interpolation]
    if options.crop:
        picture = picture.crop(_middle(picture.size, size))
    if options.antialias or options.interpolation in ("area", "lanczos"):
        return picture.resize(size, method)
    # An affine transform samples at pixel centres and does not average: as tf.image.resize.
    step = (picture.width / size[0], picture.height / size[1])
    data = (step[0], 0, 0, 0, step[1], 0)
    return picture.transform(size, Image.Transform.AFFINE, data, resample=method)


def _middle(have: tuple[int, int], want: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the largest box of the wanted proportions in the middle."""
    width = min(have[0], max(1, round(have[1] * want[0] / want[1])))
    height = min(have[1], max(1, round(have[0] * want[1] / want[0])))
    left, top = (have[0] - width) // 2, (have[1] - height) // 2
    return left, top, left + width, top + height
