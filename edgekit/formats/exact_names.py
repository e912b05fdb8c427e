"""Says in ONNX and OpenVINO files that names are those of Keras, to the letter.

Other exporters decorate names (``x:0``, ``serving_default_x``), and readers take that off. A user
may have called an input just so: then it is no decoration, and the file says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

KEY = "edgekit_exact_names"
_YES = "yes"


def plain_name(name: str) -> str:
    """Take off what exporters hang on names: ``:0`` and ``serving_default_``."""
    return re.sub(r":\d+$", "", name).removeprefix("serving_default_") or name


def look_decorated(names: Iterable[str]) -> bool:
    """Whether a reader would take something off one of the names."""
    return any(plain_name(name) != name for name in names)


def mark_onnx(model: Any) -> None:
    """Say it in an ``onnx.ModelProto``, in place."""
    if not onnx_is_exact(model):
        model.metadata_props.add(key=KEY, value=_YES)


def onnx_is_exact(model: Any) -> bool:
    """Whether an ``onnx.ModelProto`` says it."""
    return any(entry.key == KEY for entry in model.metadata_props)


def mark_openvino(model: Any) -> None:
    """Say it in an ``openvino.Model``, in place."""
    model.set_rt_info(_YES, [KEY])


def openvino_is_exact(model: Any) -> bool:
    """Whether an ``openvino.Model`` says it."""
    return bool(model.has_rt_info([KEY]))
