"""A small file cannot ask for all memory: weights, arrays and activations have to fit together."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from edgekit.errors import SourceError, UnsafeSource
from edgekit.source import load, memory

MIB = 1 << 20


def written(path: Path, layers) -> Path:
    import warnings

    import keras

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras.Sequential([keras.Input((4, 4)), *layers], name="small").save(path)
    return path


def changed(path: Path, change) -> Path:
    """Pass the configurations of the layers in a file through ``change``."""
    if path.suffix == ".h5":
        with h5py.File(path, "a") as file:
            config = json.loads(file.attrs["model_config"])
            change([layer["config"] for layer in config["config"]["layers"]])
            file.attrs["model_config"] = json.dumps(config)
        return path
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    config = json.loads(members["config.json"])
    change([layer["config"] for layer in config["config"]["layers"]])
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as new:
        for name, data in members.items():
            new.writestr(name, data)
    return path


def refused(path: Path, kind=SourceError) -> str:
    """Return the one line of an error that came before any memory was taken."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(kind) as caught:
        load(path)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    assert grown < 200, f"{grown} MiB more"
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def made(kind: str):
    import keras

    layers = keras.layers
    return {
        "units": (layers.Dense(3, name="big"), {"units": 10**9}),
        "filters": (layers.Conv1D(3, 3, name="big"), {"filters": 10**9, "padding": "same"}),
        "rows": (layers.Embedding(3, 3, name="big"), {"input_dim": 10**9}),
        "cells": (layers.LSTM(3, name="big"), {"units": 50_000}),
        "heads": (
            layers.TimeDistributed(layers.Dense(3, name="big")),
            {"layer": {"module": "keras.layers", "class_name": "Dense", "registered_name": None,
                       "config": {"name": "big", "units": 10**9}}},
        ),
    }[kind]  # fmt: skip


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("kind", ["units", "filters", "rows", "cells", "heads"])
def test_layers_larger_than_all_that_is_stored(tmp_path, kind, ending):
    layer, lie = made(kind)
    path = written(tmp_path / f"model.{ending}", [layer])
    text = refused(changed(path, lambda configs: configs[1].update(lie)))
    assert "layer 'big' declares weights of" in text or "layer 'lstm_cell' declares" in text
    assert "do not fit together" in text


def test_many_layers_that_are_too_large_together(tmp_path):
    import keras

    path = written(tmp_path / "m.h5", [keras.layers.Dense(3, name=f"d{i}") for i in range(40)])

    def grow(configs):
        for config in configs[1:]:
            config["units"] = 2000

    assert "do not fit together" in refused(changed(path, grow))


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_outputs_that_no_machine_can_hold(tmp_path, ending):
    import keras

    path = written(tmp_path / f"m.{ending}", [keras.layers.UpSampling1D(2, name="up")])
    text = refused(changed(path, lambda configs: configs[1].update(size=10**12)))
    assert "layer 'up' gives ?x4000000000000x4 numbers" in text
    path = written(tmp_path / f"i.{ending}", [keras.layers.Flatten()])
    wide = changed(path, lambda configs: configs[0].update(batch_shape=[None, 10**8, 10**6]))
    assert "memory" in refused(wide)


def test_dimensions_that_are_open_count_as_one(tmp_path):
    import keras

    inputs = keras.Input((None, None, 3))
    keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs)).save(tmp_path / "open.keras")
    assert load(tmp_path / "open.keras").parameters == 56


def hdf5(change) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        change(file)
    return stream.getvalue()


def zeros_in_many_arrays(file):
    for place in range(2):
        file.create_dataset(f"layers/dense/vars/{place}", (10 * MIB,), "f4", chunks=(MIB,),
                            compression="gzip", data=np.zeros(10 * MIB, "f4"))  # fmt: skip


def zeros_within_zeros(file):
    """Chunks that a zip shrinks again: the archive is a thousandth of what the file seems to be."""
    zeros_in_many_arrays(file)
    file.create_dataset("filler", (8 * MIB,), "u1", data=np.zeros(8 * MIB, "u1"))


@pytest.mark.parametrize("content", [zeros_in_many_arrays, zeros_within_zeros])
def test_compressed_arrays(tmp_path, content):
    import keras

    path = written(tmp_path / "m.keras", [keras.layers.Dense(3, name="d")])
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    members["model.weights.h5"] = hdf5(content)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in members.items():
            new.writestr(name, data)
    assert path.stat().st_size < 3 * MIB
    assert "a decompression bomb" in refused(path, UnsafeSource)


def test_npz_weights(tmp_path):
    import keras

    path = written(tmp_path / "m.keras", [keras.layers.Dense(3, name="d")])
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist() if "weights" not in name}
    weights = io.BytesIO()
    with zipfile.ZipFile(weights, "w", zipfile.ZIP_DEFLATED) as npz:
        npz.writestr("layers/dense.npy", bytes(100 * MIB))
    with zipfile.ZipFile(path, "w") as new:
        for name, data in {**members, "model.weights.npz": weights.getvalue()}.items():
            new.writestr(name, data)
    assert "a decompression bomb" in refused(path, UnsafeSource)


def test_one_array_named_a_thousand_times(tmp_path):
    import keras

    path = written(tmp_path / "m.h5", [keras.layers.Dense(3, name="d")])
    with h5py.File(path, "a") as file:
        group = file["model_weights"]["d"]
        names = list(group.attrs["weight_names"])
        group.attrs["weight_names"] = names * 500
    assert "lists the weights of 'd' repeatedly" in refused(path)


def test_the_limit_is_that_of_its_own_thread(monkeypatch):
    import keras

    monkeypatch.setattr(memory, "FLOOR_NUMBERS", 100)
    original, failures = keras.layers.Layer.add_weight, []

    def other():
        try:
            keras.layers.Dense(50).build((None, 50))
        except SourceError as error:
            failures.append(error)

    with memory.weights_within(0):
        keras.layers.Dense(9).build((None, 10))
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        with pytest.raises(SourceError, match="'late' declares weights of 10x9"):
            keras.layers.Dense(9, name="late").build((None, 10))
    assert not failures
    assert keras.layers.Layer.add_weight is original
