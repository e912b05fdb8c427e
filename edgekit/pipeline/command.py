"""How the command line spells a conversion: it declares its options so, and reports say it so."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit import catalog
from edgekit.recipe import Recipe
from edgekit.target import Target

if TYPE_CHECKING:  # numpy comes with it, and `edgekit convert --help` needs none
    from edgekit.pipeline.options import Options

# field of ``Options``, or of its ``pictures`` or ``training`` -> flag
FLAGS: Mapping[str, str] = {
    "calibration": "--calibration",
    "evaluation": "--evaluate",
    "metric": "--metric",
    "recipe": "--recipe",
    "settings": "--set",
    "train": "--train",
    "epochs": "--epochs",
    "batch_size": "--batch-size",
    "learning_rate": "--learning-rate",
    "schedule": "--schedule",
    "optimizer": "--optimizer",
    "loss": "--loss",
    "metrics": "--training-metric",
    "validation": "--validation",
    "patience": "--patience",
    "output": "--output-name",
    "samples": "--samples",
    "estimator": "--estimator",
    "input_shapes": "--input-shape",
    "dynamic_batch": "--dynamic-batch",
    "scale": "--scale",
    "offset": "--offset",
    "layers": "--layers",
    "measure": "--no-measure",
    "thumbnails": "--thumbnails",
    "class_names": "--class-names",
    "html": "--no-html",
    "threads": "--threads",
    "seed": "--seed",
    "custom_objects": "--custom-objects",
    "allow_code": "--allow-code",
}


def spell(source: Any, target: Target | None, options: Options) -> str:
    """Return the command line that converts a source for a target; without one, compresses it.

    What has no path, because it was an object in Python, is ``MODEL`` or ``DATA``, and a recipe of
    the user's is a TOML file of its name. Of ``pictures`` only scale and offset can be said.
    """
    words = ["edgekit", "convert" if target else "compress", _path(source, "MODEL")]
    if target is not None:
        shipped = target.name in catalog.names("targets") and target == Target.load(target.name)
        words += ["--target", target.name if shipped else f"{target.name}.toml"]
    usual, given = _values(type(options)()), _values(options)
    for field, flag in FLAGS.items():
        if given[field] != usual[field]:
            words += [word for said in _said(given[field]) for word in (flag, *said)]
    return shlex.join(words)


def _values(options: Options) -> dict[str, Any]:
    """Return what the flags set: plain values, that can be compared."""
    found = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    for data in ("calibration", "evaluation", "train"):
        found[data] = None if found[data] is None else _path(found[data], "DATA")
    found["recipe"] = None if found["recipe"] is None else _recipe(found["recipe"])
    found["class_names"] = _names(found["class_names"])
    found["settings"] = {name: _toml(value) for name, value in found["settings"].items()}
    pictures, training = found.pop("pictures"), found.pop("training")
    found |= {k: v for k, v in dataclasses.asdict(training).items() if k != "seed"}
    return found | {name: getattr(pictures, name, None) for name in ("scale", "offset")}


def _names(given: Sequence[str]) -> str:
    """Return names as the flag takes them; some need a file, and there is none to name."""
    sound = all(
        name.isprintable() and "," not in name and name.strip() == name != "" for name in given
    )
    return ",".join(given) if sound and len(given) != 1 else "CLASS-NAMES.txt"


def _recipe(given: Any) -> str:
    if isinstance(given, (str, Path)):
        return str(given)
    name = getattr(given, "name", None)
    if isinstance(given, Recipe) and name in catalog.names("recipes"):
        return str(name) if given == Recipe.load(str(name)) else f"{name}.toml"
    return f"{name}.toml" if isinstance(given, Recipe) else "RECIPE.toml"


def _toml(value: Any) -> str:
    """Return a value as TOML spells it, as far as options of passes hold it."""
    if isinstance(value, Mapping):
        pairs = (f"{_toml(str(key))} = {_toml(item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML forbids it


def _path(given: Any, otherwise: str) -> str:
    return str(given) if isinstance(given, (str, Path)) else otherwise


def _said(value: Any) -> Iterator[tuple[str, ...]]:
    """Yield what stands behind a flag, each time that the flag is given."""
    if isinstance(value, bool):
        yield ()
    elif isinstance(value, Mapping):
        yield from ((f"{name}={_pair(item)}",) for name, item in value.items())
    elif isinstance(value, tuple):
        yield from ((str(item),) for item in value)
    else:
        yield (str(value),)


def _pair(value: Any) -> str:
    return value if isinstance(value, str) else ",".join(map(str, value))
