"""Runs where tflite-micro can be imported: whether a file can be loaded into an arena."""

from __future__ import annotations

from pathlib import Path


def fits(path: str, arena_bytes: str) -> int:
    """Return 0 if it can be, 3 if TensorFlow Lite Micro refuses."""
    from tflite_micro.python.tflite_micro import runtime

    try:
        runtime.Interpreter.from_bytes(Path(path).read_bytes(), arena_size=int(arena_bytes))
    except RuntimeError:
        return 3
    return 0
