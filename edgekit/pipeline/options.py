"""What a conversion is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgekit.calibrate.estimators import ESTIMATORS
from edgekit.calibrate.preprocessing import PictureOptions
from edgekit.errors import OptionError
from edgekit.table import build
from edgekit.target import Target

AUTO = ("min-max", "percentile", "mse", "moving-average", "entropy")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a conversion, as the command line and Python share them.

    ``calibration`` and ``evaluation`` take what ``calibrate.open_samples`` takes. ``samples`` is
    the number of calibration samples, None what a profile says or 300. ``estimator`` "auto" tries
    all and keeps the best. ``input_shapes`` are full shapes by input name, the batch first.
    """

    calibration: Any = None
    evaluation: Any = None
    metric: str | None = None
    output: str | None = None
    samples: int | None = None
    estimator: str = "auto"
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    dynamic_batch: bool = False
    custom_objects: tuple[str, ...] = ()
    allow_code: bool = False
    pictures: PictureOptions | None = None
    layers: bool = False
    measure: bool = True
    threads: int = 1
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.estimator != "auto" and self.estimator not in ESTIMATORS:
            choices = ", ".join(("auto", *ESTIMATORS))
            raise OptionError(f"estimator: expected one of {choices}, got {self.estimator!r}")
        if self.samples is not None and self.samples < 1:
            raise OptionError(f"samples: expected at least 1, got {self.samples}")
        if self.threads < 1:
            raise OptionError(f"threads: expected at least 1, got {self.threads}")
        if self.seed is not None and self.seed < 0:
            raise OptionError(f"seed: expected 0 or more, got {self.seed}")
        if self.pictures is not None:
            self.pictures.affine()

    @property
    def estimators(self) -> tuple[str, ...]:
        """The range estimators to try, in order."""
        return AUTO if self.estimator == "auto" else (self.estimator,)


def from_plain(plain: Mapping[str, Any], *, where: str) -> Options:
    """Return options from plain data, as JSON holds them; ``where`` opens every error text.

    Raises:
        OptionError: an unknown key, or a value that cannot be taken.
    """
    fields = dict(plain)
    if fields.get("pictures") is not None:
        fields["pictures"] = build(fields["pictures"], PictureOptions, where="pictures")
    shapes = fields.get("input_shapes", {})
    fields["input_shapes"] = {name: tuple(shape) for name, shape in shapes.items()}
    return build(fields, Options, where=where)


def objections(options: Options, targets: list[Target]) -> list[str]:
    """Say what in the options does not go together, before anything runs."""
    said = []
    static = [target.name for target in targets if target.quantization.needs_calibration]
    if static and options.calibration is None:
        said.append(
            f"{static[0]} needs calibration samples: give --calibration DATA "
            "(.npz, .npy, .csv, a folder of pictures, module:function, or a profile's name)"
        )
    if options.metric is not None and options.evaluation is None:
        said.append(f"--metric {options.metric} needs labelled data: give --evaluate DATA")
    if options.output is not None and options.metric is None:
        said.append(f"--output-name {options.output} says what --metric scores: give both")
    if options.layers and options.calibration is None and options.evaluation is None:
        said.append("--layers runs samples through both files: give --calibration or --evaluate")
    fixed = [target.name for target in targets if target.format == "tflite"]
    if options.dynamic_batch and fixed:
        said.append(
            f"{fixed[0]} has a static batch of 1 (its kernels and delegates want one); "
            "--dynamic-batch is for openvino and onnx targets"
        )
    names = [target.name for target in targets]
    if doubled := {name for name in names if names.count(name) > 1}:
        said.append(f"target {sorted(doubled)[0]} is given twice")
    return said
