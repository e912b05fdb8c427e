"""How the command line spells a conversion: it declares its options so, and reports say it so."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit import catalog
from edgekit.target import Target

if TYPE_CHECKING:  # numpy comes with it, and `edgekit convert --help` needs none
    from edgekit.pipeline.options import Options

# field of ``Options``, or of its ``pictures`` -> flag
FLAGS: Mapping[str, str] = {
    "calibration": "--calibration",
    "evaluation": "--evaluate",
    "metric": "--metric",
    "output": "--output-name",
    "samples": "--samples",
    "estimator": "--estimator",
    "input_shapes": "--input-shape",
    "dynamic_batch": "--dynamic-batch",
    "scale": "--scale",
    "offset": "--offset",
    "layers": "--layers",
    "measure": "--no-measure",
    "threads": "--threads",
    "seed": "--seed",
    "custom_objects": "--custom-objects",
    "allow_code": "--allow-code",
}


def spell(source: Any, target: Target, options: Options) -> str:
    """Return the command line that converts a source for a target.

    What has no path, because it was an object in Python, is ``MODEL`` or ``DATA``. Of ``pictures``
    only scale and offset can be said.
    """
    shipped = target.name in catalog.names("targets") and target == Target.load(target.name)
    words = ["edgekit", "convert", _path(source, "MODEL")]
    words += ["--target", target.name if shipped else f"{target.name}.toml"]
    usual, given = _values(type(options)()), _values(options)
    for field, flag in FLAGS.items():
        if given[field] != usual[field]:
            words += [word for said in _said(given[field]) for word in (flag, *said)]
    return shlex.join(words)


def _values(options: Options) -> dict[str, Any]:
    """Return what the flags set: plain values, that can be compared."""
    found = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    for data in ("calibration", "evaluation"):
        found[data] = None if found[data] is None else _path(found[data], "DATA")
    pictures = found.pop("pictures")
    return found | {name: getattr(pictures, name, None) for name in ("scale", "offset")}


def _path(given: Any, otherwise: str) -> str:
    return str(given) if isinstance(given, (str, Path)) else otherwise


def _said(value: Any) -> Iterator[tuple[str, ...]]:
    """Yield what stands behind a flag, each time that the flag is given."""
    if isinstance(value, bool):
        yield ()
    elif isinstance(value, Mapping):
        yield from ((f"{name}={','.join(map(str, shape))}",) for name, shape in value.items())
    elif isinstance(value, tuple):
        yield from ((str(item),) for item in value)
    else:
        yield (str(value),)
