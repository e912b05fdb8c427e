"""What OpenVINO numbers by the process's history is numbered by its place in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.formats.openvino import save

ov = pytest.importorskip("openvino")


def network(*, clones: int) -> object:
    """Return a small model whose operations nobody named, copied so many times."""
    from openvino import opset13 as ops

    given = ops.parameter([1, 4], np.float32, name="x")
    turned = ops.transpose(given, ops.constant(np.array([0, 1])))
    shifted = ops.relu(ops.add(turned, ops.constant(np.ones((1, 4), np.float32))))
    shifted.set_friendly_name("model/Relu_3/of mine")
    model = ov.Model([ops.result(shifted, name="y")], [given], "net")
    for _ in range(clones):
        model = model.clone()
    return model


def test_copies_are_the_same_file_whatever_the_process_made_before(tmp_path: Path) -> None:
    save(network(clones=0), tmp_path / "a.xml")
    for clones in (1, 3):
        save(network(clones=clones), tmp_path / "b.xml")
        assert (tmp_path / "a.xml").read_bytes() == (tmp_path / "b.xml").read_bytes()


def test_given_names_stay_and_names_are_unique(tmp_path: Path) -> None:
    save(network(clones=1), tmp_path / "a.xml")
    again = ov.Core().read_model(str(tmp_path / "a.xml"))
    names = [node.get_friendly_name() for node in again.get_ordered_ops()]
    assert "model/Relu_3/of mine" in names
    assert len(set(names)) == len(names)
    save(again, tmp_path / "c.xml")
    assert (tmp_path / "c.xml").read_bytes() == (tmp_path / "a.xml").read_bytes()
