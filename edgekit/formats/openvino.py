"""OpenVINO models on their way to disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit.extras import load


def save(model: Any, path: Path, *, half: bool = False) -> None:
    """Write an ``openvino.Model``; the same model gives the same bytes in every process.

    Nodes that nobody named carry a number that counts all nodes that the process ever made; they
    are named by their place instead. With ``half`` constants are stored in half precision.
    """
    ov = load("openvino")

    for index, node in enumerate(model.get_ordered_ops()):
        if node.get_friendly_name() == node.get_name():
            node.set_friendly_name(f"{node.get_type_name()}.{index}")
    ov.save_model(model, str(path), compress_to_fp16=half)
