"""How stored numbers and pictures become what a model takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgekit.errors import OptionError

Scaling = Literal["raw", "0..1", "-1..1"]
Colour = Literal["auto", "grey", "rgb", "bgr", "rgba"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "area", "lanczos"]

# scaling -> (scale, offset) of value * scale + offset over stored values in 0..255.
_SCALINGS: dict[str, tuple[float, float]] = {
    "raw": (1.0, 0.0),
    "0..1": (1 / 255, 0.0),
    "-1..1": (1 / 127.5, -1.0),
}


@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """How a picture, or any stored number, becomes a model's input.

    ``scaling`` names a range for stored values in 0..255; ``scale`` and ``offset``, one number or
    one a channel, replace it: input = stored * scale + offset. Both hold for arrays and tables too;
    the rest is for pictures. ``interpolation`` resizes as ``keras.image_dataset_from_directory``
    does (bilinear without anti-aliasing, the default); ``antialias`` averages when shrinking, and
    so do area and lanczos always. ``crop`` keeps the aspect ratio and cuts the rest off.
    """

    scaling: Scaling = "raw"
    scale: float | tuple[float, ...] | None = None
    offset: float | tuple[float, ...] | None = None
    colour: Colour = "auto"
    interpolation: Interpolation = "bilinear"
    antialias: bool = False
    crop: bool = False

    def affine(self) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Return scale and offset as arrays that broadcast over channels; ``None`` changes nothing.

        Raises:
            OptionError: ``scaling`` and ``scale`` or ``offset`` are both given, or not finite.
        """
        if self.scale is None and self.offset is None:
            scale, offset = _SCALINGS[self.scaling]
        elif self.scaling != "raw":
            raise OptionError(
                f"preprocessing: expected scaling or scale and offset, got both "
                f"(scaling = {self.scaling!r}); leave one out"
            )
        else:
            scales, offsets = _float(1.0 if self.scale is None else self.scale), self.offset or 0.0
            if not np.isfinite(scales).all() or not np.isfinite(offsets).all():
                raise OptionError(
                    f"preprocessing: expected finite scale and offset, got {self.scale} and "
                    f"{self.offset}"
                )
            return scales, _float(offsets)
        return None if (scale, offset) == (1.0, 0.0) else (_float(scale), _float(offset))


def _float(value: float | tuple[float, ...]) -> NDArray[np.float32]:
    return np.asarray(value, dtype=np.float32)


def rescale(rows: NDArray[Any], options: PictureOptions) -> NDArray[Any]:
    """Return ``rows * scale + offset`` in float32, or the rows themselves if nothing is asked."""
    affine = options.affine()
    if affine is None:
        return rows
    scale, offset = affine
    return np.asarray(rows, dtype=np.float32) * scale + offset
