"""Inputs are called as their layers are, whatever else the process has made before."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit import source
from edgekit.trace import freeze, signature


def _small(made_before: int):
    import keras

    keras.utils.clear_session()
    for _ in range(made_before):  # tensors without a name are numbered by the process
        keras.layers.Flatten(name="f")(keras.Input((2,), name="other"))
    keras.utils.set_random_seed(1)
    x = keras.Input((4,))
    y = keras.layers.Dense(3, name="d")(keras.layers.Add(name="a")([x, x]))
    return keras.Model(x, y, name="small")


def test_an_unnamed_input_has_its_layers_name_and_the_same_bytes_each_time() -> None:
    traces = []
    for made_before in (0, 3):
        model = _small(made_before)
        traces.append(freeze(model, signature(model)))
    assert [spec.name for trace in traces for spec in trace.inputs] == ["input_layer"] * 2
    assert traces[0].graph == traces[1].graph


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_model_and_its_file_name_their_inputs_alike(suffix: str, tmp_path: Path) -> None:
    import warnings

    model = _small(5)
    path = tmp_path / f"small.{suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    loaded = source.load(path).model
    names = [[spec.name for spec in signature(one).specs] for one in (model, loaded)]
    assert names[0] == names[1] == ["input_layer"]


def test_several_unnamed_inputs_are_told_apart() -> None:
    import keras

    keras.utils.clear_session()
    inputs = [keras.Input((4,)) for _ in range(3)]
    model = keras.Model(inputs, keras.layers.Add()(inputs))
    found = [spec.name for spec in signature(model).specs]
    assert found == ["input_layer", "input_layer_1", "input_layer_2"]


def test_compressing_keeps_the_names() -> None:
    from edgekit.passes.graph import flat

    model = _small(2)
    assert [spec.name for spec in signature(flat(model)).specs] == ["input_layer"]
