"""A Lambda's code is named, told apart by Python version, and replaced by a user's own function."""

from __future__ import annotations

import base64
import inspect
import json
import marshal
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.errors import SourceError, UnsafeSource
from edgekit.source import bytecode, load

SIAMESE = "mltk_models/fingerprint_signature_generator/fingerprint_signature_generator.siamese.h5"
# marshal.dumps of `def dist(v): return abs(v[0] - v[1]) * k` and of `lambda x: abs(x) * k`.
OTHERS = {
    "3.6": (
        "4wEAAAAAAAAAAQAAAAQAAABDAAAAcxgAAAB0AHwAZAEZAHwAZAIZABgAgwF0ARQAUwApA07pAAAAAOkBAAAAKQLaA2Fic9oBaykB2gF2qQByBgAAAPoHZHVtcC5wedoEZGlzdAgAAABzAgAAAAAB",
        "4wEAAAAAAAAAAQAAAAIAAABDAAAAcwwAAAB0AHwAgwF0ARQAUwApAU4pAtoDYWJz2gFrKQHaAXipAHIEAAAA+gdkdW1wLnB52gg8bGFtYmRhPgoAAABzAAAAAA==",
    ),
    "3.8": (
        "4wEAAAAAAAAAAAAAAAEAAAAEAAAAQwAAAHMYAAAAdAB8AGQBGQB8AGQCGQAYAIMBdAEUAFMAKQNO6QAAAADpAQAAAKkC2gNhYnPaAWspAdoBdqkAcgcAAAD6B2R1bXAucHnaBGRpc3QIAAAAcwIAAAAAAQ==",
        "4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMMAAAAdAB8AIMBdAEUAFMAqQFOqQLaA2Fic9oBa6kB2gF4qQByBwAAAPoHZHVtcC5wedoIPGxhbWJkYT4KAAAA8wAAAAA=",
    ),
    "3.10": (
        "4wEAAAAAAAAAAAAAAAEAAAAEAAAAQwAAAHMYAAAAdAB8AGQBGQB8AGQCGQAYAIMBdAEUAFMAKQNO6QAAAADpAQAAAKkC2gNhYnPaAWspAdoBdqkAcgcAAAD6EC90bXAvdy90L2R1bXAucHnaBGRpc3QIAAAAcwIAAAAYAQ==",
        "4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMMAAAAdAB8AIMBdAEUAFMAqQFOqQLaA2Fic9oBa6kB2gF4qQByBwAAAPoQL3RtcC93L3QvZHVtcC5wedoIPGxhbWJkYT4KAAAAcwIAAAAMAA==",
    ),
    "3.11": (
        "4wEAAAAAAAAAAAAAAAUAAAADAAAA804AAACXAHQBAAAAAAAAAAAAAHwAZAEZAAAAAAAAAAAAfABkAhkAAAAAAAAAAAB6CgAApgEAAKsBAAAAAAAAAAB0AgAAAAAAAAAAAAB6BQAAUwApA07pAAAAAOkBAAAAqQLaA2Fic9oBaykB2gF2cwEAAAAg+hAvdG1wL3cvdC9kdW1wLnB52gRkaXN0cgkAAAAIAAAAcx8AAACAAN0LDohxkBGMdJBBkGGURIl5iT6MPp1B0Qsd0AQd8wAAAAA=",
        "4wEAAAAAAAAAAAAAAAMAAAADAAAA8zAAAACXAHQBAAAAAAAAAAAAAHwApgEAAKsBAAAAAAAAAAB0AgAAAAAAAAAAAAB6BQAAUwCpAU6pAtoDYWJz2gFrqQHaAXhzAQAAACD6EC90bXAvdy90L2R1bXAucHn6CDxsYW1iZGE+cgkAAAAKAAAAcxAAAACAALUDsEGxBrQGtXGxCIAA8wAAAAA=",
    ),
    "3.12": (
        "4wEAAAAAAAAAAAAAAAUAAAADAAAA8zgAAACXAHQBAAAAAAAAAAB8AGQBGQAAAHwAZAIZAAAAegoAAKsBAAAAAAAAdAIAAAAAAAAAAHoFAABTACkDTukAAAAA6QEAAACpAtoDYWJz2gFrKQHaAXZzAQAAACD6EC90bXAvdy90L2R1bXAucHnaBGRpc3RyCQAAAAgAAABzHQAAAIAA3AsOiHGQEYl0kEGQYZFEiXmLPpxB0Qsd0AQd8wAAAAA=",
        "4wEAAAAAAAAAAAAAAAMAAAADAAAA8yYAAACXAHQBAAAAAAAAAAB8AKsBAAAAAAAAdAIAAAAAAAAAAHoFAABTAKkBTqkC2gNhYnPaAWupAdoBeHMBAAAAIPoQL3RtcC93L3QvZHVtcC5wefoIPGxhbWJkYT5yCQAAAAoAAABzDgAAAIAAtAOwQbMGtHGxCIAA8wAAAAA=",
    ),
    "3.13": (
        "4wEAAAAAAAAAAAAAAAUAAAADAAAA8zgAAACVAFsBAAAAAAAAAABVAFMBBQAAAFUAUwIFAAAALQoAADUBAAAAAAAAWwIAAAAAAAAAAC0FAAAkACkDTukAAAAA6QEAAACpAtoDYWJz2gFrKQHaAXZzAQAAACDaEC90bXAvdy90L2R1bXAucHnaBGRpc3RyCQAAAAgAAABzHQAAAIAA3AsOiHGQEYl0kEGQYZFEiXmLPpxB0Qsd0AQd8wAAAAA=",
        "4wEAAAAAAAAAAAAAAAMAAAADAAAA8yYAAACVAFsBAAAAAAAAAABVADUBAAAAAAAAWwIAAAAAAAAAAC0FAAAkAKkBTqkC2gNhYnPaAWupAdoBeHMBAAAAINoQL3RtcC93L3QvZHVtcC5wedoIPGxhbWJkYT5yCQAAAAoAAABzDAAAAIAAtAOwQbMGtHGyCPMAAAAA",
    ),
}
USERS = """
from keras import layers, ops

def dist(v):
    return ops.abs(v[0] - v[1]) * 3

def measured_(v):  # no identifier in the file
    return ops.abs(v[0] - v[1]) * 3

class far(layers.Layer):
    def call(self, v):
        return ops.abs(v[0] - v[1]) * 3
"""


def encoded(function) -> str:
    return base64.b64encode(marshal.dumps(function.__code__)).decode()


@pytest.mark.parametrize("version", OTHERS)
def test_code_of_every_python_is_read(version):
    import sys

    codes = [bytecode.read_code(text) for text in OTHERS[version]]
    assert [code.name for code in codes if code] == ["dist", "<lambda>"]
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert {code.runs_here for code in codes if code} == {version == here}


def test_code_of_this_python_runs_here():
    functions = [f for m in (json, inspect, zipfile) for f in vars(m).values()]
    functions = [f for f in functions if inspect.isfunction(f)]
    assert len(functions) > 50
    for function in functions:
        code = bytecode.read_code(encoded(function))
        assert code is not None
        assert (code.name, code.runs_here) == (function.__code__.co_name, True)


@given(st.binary(max_size=200))
def test_any_bytes_are_no_harm(data):
    bytecode.read_code(base64.b64encode(data).decode())


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=5))
def test_damaged_code_is_no_harm(changes):
    data = bytearray(base64.b64decode(encoded(inspect.getsource)))
    for place, value in changes:
        data[place % len(data)] = value
    bytecode.read_code(base64.b64encode(bytes(data)).decode())


@pytest.mark.parametrize("text", [None, 3, "", "é", "AAAA", [1]])
def test_what_is_no_code(text):
    assert bytecode.read_code(text) is None


def with_lambda(path, name: str, code: str):
    """Save a model of two inputs whose Lambda carries the given code."""
    import keras

    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    far = keras.layers.Lambda(lambda v: v[0], output_shape=(3,), name=name)([a, b])
    made = path.with_name("made.keras")
    keras.Model([a, b], keras.layers.Dense(2, name="d")(far), name="m").save(made)
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            if member == "config.json":
                config = json.loads(data)
                layer = next(c for c in config["config"]["layers"] if c["class_name"] == "Lambda")
                layer["config"]["function"]["config"]["code"] = code
                data = json.dumps(config).encode()
            new.writestr(member, data)
    return path


@pytest.mark.parametrize(
    ("layer", "kind", "given_name"),
    [
        ("lambda", 0, "dist"),  # by the function's name
        ("far", 1, "far"),  # by the layer's name; a layer class
        ("dist", 1, "dist"),
        ("measured-", 1, "measured_"),
    ],
)
def test_a_function_of_the_users_stands_in(tmp_path, monkeypatch, layer, kind, given_name):
    path = with_lambda(tmp_path / "model.keras", layer, OTHERS["3.8"][kind])
    (tmp_path / "my_stand_ins.py").write_text(USERS)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=rf"another Python .*give .*your_module:{given_name},"):
        load(path, allow_code=True)
    with pytest.raises(UnsafeSource, match=rf"your_module:{given_name}, or .*--allow-code"):
        load(path)
    loaded = load(path, custom_objects=[f"my_stand_ins:{given_name}"])
    assert [m.where for m in loaded.mends] == [layer]
    a, b = np.eye(3, dtype="float32"), np.ones((3, 3), "float32")
    dense = loaded.model.get_layer("d")
    wanted = dense(np.abs(a - b) * 3)
    np.testing.assert_allclose(loaded.model([a, b]), wanted, rtol=1e-6)


def test_other_custom_objects_leave_a_lambda_alone(tmp_path, monkeypatch):
    path = with_lambda(tmp_path / "model.keras", "lambda", OTHERS["3.8"][0])
    (tmp_path / "my_stand_ins.py").write_text(USERS)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnsafeSource, match="function 'dist'"):
        load(path, custom_objects=["my_stand_ins:far"])


def test_the_siamese_model_with_a_function_of_the_users(assets, tmp_path, monkeypatch):
    (tmp_path / "my_distance.py").write_text(
        "from keras import ops\n"
        "def euclidean_distance(vectors):\n"
        "    x, y = vectors\n"
        "    total = ops.sum(ops.square(x - y), axis=1, keepdims=True)\n"
        "    return ops.sqrt(ops.maximum(total, 1e-7))\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=r"another Python \(function 'euclidean_distance'\)"):
        load(assets / SIAMESE, allow_code=True)
    loaded = load(assets / SIAMESE, custom_objects=["my_distance:euclidean_distance"])
    assert loaded.model.output_shape == (None, 1)
    x = np.random.default_rng(0).uniform(0, 255, (2, 180, 180, 1)).astype("float32")
    same = np.asarray(loaded.model([x, x]))
    np.testing.assert_allclose(same[0], same[1], rtol=1e-6)  # of the distance 0, twice
    assert not np.allclose(same, loaded.model([x, x[::-1]]))
