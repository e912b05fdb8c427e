"""What a conversion is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from edgekit.calibrate.estimators import ESTIMATORS
from edgekit.calibrate.preprocessing import PictureOptions
from edgekit.errors import OptionError
from edgekit.recipe import Recipe
from edgekit.table import build
from edgekit.target import Target
from edgekit.training.options import TrainingOptions

AUTO = ("min-max", "percentile", "mse", "moving-average", "entropy")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a conversion, as the command line and Python share them.

    ``calibration`` and ``evaluation`` take what ``calibrate.open_samples`` takes. ``samples`` is
    the number of calibration samples, None what a profile says or 300. ``estimator`` "auto" tries
    all and keeps the best. ``input_shapes`` are full shapes by input name, the batch first.

    ``recipe`` is what ``pipeline.plan.plan`` takes: passes that the model goes through first, with
    ``settings`` by ``pass.option``. ``train`` is what ``training.Trainer`` takes; without
    ``calibration``, samples are taken from there. ``training`` says how; its seed gives way to
    ``seed``.

    ``thumbnails`` lets reports show small pictures of evaluation samples whose answer flipped;
    ``html`` is whether ``report.html`` is written. ``class_names`` are those of classes 0, 1, …,
    for reports; without, those that the evaluation data tell.
    """

    calibration: Any = None
    evaluation: Any = None
    metric: str | None = None
    recipe: Any = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    train: Any = None
    training: TrainingOptions = field(default_factory=TrainingOptions)
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
    thumbnails: bool = False
    class_names: tuple[str, ...] = ()
    html: bool = True
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

    @property
    def samples_from(self) -> Any:
        """The data that calibration samples are taken from; None if there are none."""
        return self.train if self.calibration is None else self.calibration


def from_plain(plain: Mapping[str, Any], *, where: str) -> Options:
    """Return options from plain data, as JSON holds them; ``where`` opens every error text.

    Raises:
        OptionError: an unknown key, or a value that cannot be taken.
    """
    fields = dict(plain)
    if fields.get("pictures") is not None:
        fields["pictures"] = build(fields["pictures"], PictureOptions, where="pictures")
    if isinstance(fields.get("recipe"), Mapping):
        fields["recipe"] = build(fields["recipe"], Recipe, where=f"{where}: recipe")
    if "training" in fields:
        fields["training"] = build(fields["training"], TrainingOptions, where=f"{where}: training")
    shapes = fields.get("input_shapes", {})
    fields["input_shapes"] = {name: tuple(shape) for name, shape in shapes.items()}
    return build(fields, Options, where=where)


def objections(options: Options, targets: list[Target]) -> list[str]:
    """Say what in the options does not go together, before anything runs."""
    said = recipe_objections(options) + data_objections(options)
    static = [target.name for target in targets if target.quantization.needs_calibration]
    if static and options.samples_from is None:
        said.append(
            f"{static[0]} needs calibration samples: give --calibration DATA "
            "(.npz, .npy, .csv, a folder of pictures, module:function, or a profile's name)"
        )
    if options.layers and options.samples_from is None and options.evaluation is None:
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


def data_objections(options: Options) -> list[str]:
    """Say what is asked of evaluation data that are not there."""
    said = []
    if options.metric is not None and options.evaluation is None:
        said.append(f"--metric {options.metric} needs labelled data: give --evaluate DATA")
    if options.thumbnails and options.evaluation is None:
        said.append("--thumbnails shows evaluation samples that flipped: give --evaluate DATA")
    if options.class_names and options.evaluation is None:
        said.append("--class-names names the classes of evaluation data: give --evaluate DATA")
    if options.output is not None and options.metric is None:
        said.append(f"--output-name {options.output} says what --metric scores: give both")
    return said


def recipe_objections(options: Options) -> list[str]:
    """Say what is given for passes although there are none."""
    if options.recipe is not None:
        return []
    said = []
    if options.train is not None:
        said.append("--train is for the passes of a recipe: give --recipe NAME, or --calibration")
    if options.settings:
        said.append(f"--set {next(iter(options.settings))} changes a recipe: give --recipe NAME")
    if (asked := changed(options.training)) and not said:
        said.append(f"--{asked[0].replace('_', '-')} is for training: give --recipe and --train")
    return said


def changed(training: TrainingOptions) -> list[str]:
    """Name the options of training that are not as usual; the seed does not count."""
    usual = asdict(TrainingOptions())
    return [k for k, v in asdict(training).items() if k != "seed" and v != usual[k]]
