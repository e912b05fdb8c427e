"""Large processes give memory back after each stage."""

from __future__ import annotations

import gc
import weakref

import pytest

from edgekit.cache import Cache
from edgekit.pipeline import memory
from edgekit.pipeline.keeper import Keeper
from edgekit.progress import Silent


class Graph:
    """It refers to itself, as TensorFlow's do."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize(("least_bytes", "is_kept"), [(0, False), (1 << 50, True)])
def test_what_a_stage_left_behind_is_collected_in_large_processes(
    least_bytes: int, is_kept: bool, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setattr(memory, "WORTH_IT_BYTES", least_bytes)
    monkeypatch.setattr(memory, "GROWN_BYTES", 0)
    gc.collect()
    gc.disable()
    try:
        with Keeper(Cache(tmp_path), Silent()).timed("export"):
            left = weakref.ref(Graph())
        assert (left() is not None) == is_kept
    finally:
        gc.enable()
