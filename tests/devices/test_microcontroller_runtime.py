"""What TensorFlow Lite Micro has, and where it breaks."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from edgekit import runtimes
from edgekit.auditing.micro_kinds import MICRO_KERNELS
from edgekit.devices import Request, load_device
from edgekit.devices.microcontroller import MicrocontrollerBackend
from edgekit.devices.microcontroller.ask import MICRO
from edgekit.errors import DeviceError
from edgekit.formats import tflite, tflite_edit

pytestmark = pytest.mark.skipif(
    bool(MICRO.missing()),
    reason="tflite-micro is not installed: edgekit devices install cortex-m4",
)
WIDTHS = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)


def dense_layers() -> bytes:
    """Return a file of dense layers as an autoencoder has them, with a scale for each channel."""
    from ai_edge_litert import schema_py_generated as schema

    model = tflite_edit.blank()
    ends = [tflite_edit.tensor(model, "input", (1, WIDTHS[0]), "int8", scales=[1.0])]
    operators = []
    for inner, wide in itertools.pairwise(WIDTHS):
        weights = np.eye(wide, inner, dtype=np.int8)
        read = [
            ends[-1],
            tflite_edit.tensor(
                model, "weights", weights.shape, "int8", value=weights, scales=[1.0] * wide
            ),
        ]
        ends.append(tflite_edit.tensor(model, "dense", (1, wide), "int8", scales=[1.0]))
        options = schema.FullyConnectedOptionsT()
        operators.append(tflite_edit.operator(model, "FULLY_CONNECTED", read, ends[-1:], options))
    graph = model.subgraphs[0]
    graph.operators, graph.inputs, graph.outputs = operators, ends[:1], ends[-1:]
    for code in model.operatorCodes:
        code.version = 12
    tflite.sign(model, ["input"], ["output"])
    return tflite.pack(model)


def loads(path: Path, arena_bytes: int, folder: Path) -> bool:
    """Whether a file can be loaded into an arena; the library may also crash."""
    try:
        done = MICRO.run(
            "micro_probe:fits", str(path), str(arena_bytes), timeout_s=60, folder=folder
        )
    except DeviceError:
        return False
    assert done.returncode in (0, 3), done.stderr
    return done.returncode == 0


def test_the_list_of_kernels_is_that_of_the_library(tmp_path: Path) -> None:
    done = MICRO.run("micro_probe:kernels", timeout_s=300, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    said = dict(line.split() for line in (tmp_path / "kernels.txt").read_text().splitlines())
    assert len(said) > 150
    assert {kind for kind, known in said.items() if known == "known"} == MICRO_KERNELS


def test_arenas_in_which_the_library_crashes_are_too_small(tmp_path: Path) -> None:
    path = tmp_path / "dense.tflite"
    path.write_bytes(dense_layers())
    artifact = runtimes.describe(path)
    found = MicrocontrollerBackend().measure(load_device("cortex-m4"), artifact, Request())
    arena = int(found.facts["arena_bytes"])
    assert [loads(path, arena - less, tmp_path) for less in (0, 1)] == [True, False]
    assert found.agreement is not None
    assert found.agreement.identical_share == 1.0
