"""Calibration profiles: data, preprocessing and choices under one name, ``calibration/*.toml``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

from edgekit import catalog, table
from edgekit.calibrate.preprocessing import PictureOptions
from edgekit.errors import OptionError

FUNCTION = re.compile(r"[A-Za-z_]\w*(\.\w+)*:[A-Za-z_]\w*(\.\w+)*")

Estimator = Literal["auto", "min-max", "moving-average", "percentile", "entropy", "mse"]


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Where calibration samples come from, how they are prepared, how many, and the estimator.

    ``source`` is a path, relative to the profile's own folder, or ``module:function``. ``count``
    of ``None`` takes all samples.
    """

    name: str
    summary: str
    source: str
    count: int | None = None
    seed: int = 0
    estimator: Estimator = "auto"
    preprocessing: PictureOptions = field(default_factory=PictureOptions)

    @classmethod
    def load(cls, name_or_path: str) -> Self:
        """Read a profile by the name of a shipped one or the path of a TOML file.

        Raises:
            OptionError: there is none, or it contradicts itself.
        """
        path = catalog.locate("calibration", name_or_path)
        profile = table.read(path, cls)
        if profile.count is not None and profile.count < 1:
            raise OptionError(f"{path}: count: expected at least 1, got {profile.count}")
        if profile.seed < 0:
            raise OptionError(f"{path}: seed: expected 0 or more, got {profile.seed}")
        profile.preprocessing.affine()
        if FUNCTION.fullmatch(profile.source):
            return profile
        return replace(profile, source=str(path.parent / profile.source))


def find_profile(data: object) -> Profile | None:
    """Return the profile that a name or a ``.toml`` path stands for, ``None`` for other data.

    Raises:
        OptionError: there is a file at that path, and it is no profile.
    """
    if not isinstance(data, str | Path):
        return None
    text = str(data)
    if text.endswith(".toml") or text in catalog.names("calibration"):
        return Profile.load(text)
    return None
