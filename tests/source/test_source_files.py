"""Each file that is not a good model gives one clear line, and none of them runs code."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from edgekit.errors import OptionError, SourceError, UnsafeSource
from edgekit.source import digest, load


def small_model():
    import keras

    inputs = keras.Input((4,), name="x")
    return keras.Model(inputs, keras.layers.Dense(3, name="d")(inputs), name="small")


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "small.keras"
    small_model().save(path)
    return path


def rewritten(saved: Path, target: Path, change) -> Path:
    """Copy an archive, with its config passed through ``change``."""
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                change(config)
                data = json.dumps(config).encode()
            new.writestr(name, data)
    return target


def one_line_error(path: Path, kind=SourceError, **options) -> str:
    with pytest.raises(kind) as caught:
        load(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.keras", b"", "is empty"),
        ("text.keras", b"hello, this is no model\n", "text file"),
        ("picture.h5", b"\x89PNG\r\n\x1a\n" + bytes(64), "PNG"),
        ("model.tflite", b"\x20\0\0\0TFL3" + bytes(64), "TFLite"),
        ("model.pkl", b"\x80\x04\x95" + bytes(64), "pickle"),
        ("noise.keras", bytes(range(128, 256)) * 8, "not a file that Keras writes"),
        ("half.keras", b"PK\x03\x04" + bytes(64), "damaged"),
        ("half.h5", b"\x89HDF\r\n\x1a\n" + bytes(64), "damaged"),
    ],
)
def test_wrong_files(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    assert said in one_line_error(path)


def test_missing_file_and_wrong_folder(tmp_path):
    assert "no such file" in one_line_error(tmp_path / "nothing.keras")
    folder = tmp_path / "folder.keras"
    folder.mkdir()
    assert "folder without saved_model.pb" in one_line_error(folder)
    with pytest.raises(SourceError):
        digest(tmp_path / "nothing.keras")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_truncated_files(tmp_path, saved, share):
    for original in (saved, write_h5(tmp_path / "whole.h5")):
        data = original.read_bytes()
        path = tmp_path / f"cut{original.suffix}"
        path.write_bytes(data[: int(len(data) * share)])
        one_line_error(path)


def write_h5(path: Path) -> Path:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small_model().save(path)
    return path


def test_flipped_bytes_never_escape_as_another_error(tmp_path, saved):
    rng = np.random.default_rng(3)
    for original in (saved, write_h5(tmp_path / "whole.h5")):
        data = original.read_bytes()
        for turn in range(25):
            broken = bytearray(data)
            for place in rng.integers(0, len(data), 8):
                broken[place] ^= int(rng.integers(1, 256))
            path = tmp_path / f"flip{turn}{original.suffix}"
            path.write_bytes(bytes(broken))
            with contextlib.suppress(SourceError):
                load(path)


def test_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, saved):
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("assets/zeros", bytes(100 << 20))
    assert "bomb" in one_line_error(path, UnsafeSource)


@pytest.mark.parametrize("member", ["../escape", "/etc/escape", "a/../../escape", "..\\escape"])
def test_escaping_members_are_refused(tmp_path, saved, member):
    path = tmp_path / "escape.keras"
    path.write_bytes(saved.read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, b"x")
    assert "outside" in one_line_error(path, UnsafeSource)


def with_weights(saved: Path, target: Path, change) -> Path:
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "model.weights.h5":
                stream = io.BytesIO(data)
                with h5py.File(stream, "a") as file:
                    change(file)
                data = stream.getvalue()
            new.writestr(name, data)
    return target


def test_hdf5_tricks_are_refused(tmp_path, saved):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(48))

    def external(file):
        del file["layers/dense/vars/0"]
        file.create_dataset("layers/dense/vars/0", (4, 3), "f4", external=[(str(secret), 0, 48)])

    def link(file):
        file["layers/dense/vars/2"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")

    def soft(file):
        file["layers/dense/vars/2"] = h5py.SoftLink("/layers/dense/vars/0")

    def huge(file):
        file.create_dataset("huge", (1 << 40,), "f4", chunks=(1024,))

    for change, said in (
        (external, "another file"),
        (link, "link"),
        (soft, "link"),
        (huge, "bomb"),
    ):
        path = with_weights(saved, tmp_path / f"{change.__name__}.keras", change)
        assert said in one_line_error(path, UnsafeSource)


def hostile_objects():
    yield {
        "module": "os",
        "class_name": "function",
        "config": "system",
        "registered_name": "system",
    }
    yield {"module": "subprocess", "class_name": "Popen", "config": {"args": "x"}}
    yield {"module": "keras.utils", "class_name": "function", "config": "get_file"}
    yield {"module": "keras.models", "class_name": "function", "config": "load_model"}
    yield {
        "class_name": "__lambda__",
        "config": {"code": "4wAA", "defaults": None, "closure": None},
    }
    yield {
        "class_name": "__typespec__",
        "spec_name": "X",
        "module": "os",
        "registered_name": None,
        "config": [],
    }
    yield {
        "module": "builtins",
        "class_name": "function",
        "config": "eval",
        "registered_name": "eval",
    }


@pytest.mark.parametrize("thing", list(hostile_objects()), ids=lambda t: str(t.get("config"))[:12])
def test_configs_that_reach_for_code_are_refused(tmp_path, saved, thing):
    def change(config):
        config["config"]["layers"][1]["config"]["activation"] = thing

    one_line_error(rewritten(saved, tmp_path / "hostile.keras", change))


def test_hostile_module_is_not_even_imported(tmp_path, saved, monkeypatch):
    (tmp_path / "edgekit_trap.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)

    def change(config):
        config["config"]["layers"][1].update(module="edgekit_trap", class_name="Dense")

    path = rewritten(saved, tmp_path / "trap.keras", change)
    assert "--custom-objects" in one_line_error(path)


@pytest.mark.parametrize("name", ["TFSMLayer", "JaxLayer"])
def test_layers_that_open_other_files_are_refused(tmp_path, saved, name):
    def change(config):
        config["config"]["layers"][1].update(module="keras.layers", class_name=name)

    assert "--allow-code" in one_line_error(
        rewritten(saved, tmp_path / "r.keras", change), UnsafeSource
    )


def test_a_layer_of_pytorch_is_no_matter_of_trust(tmp_path, saved):
    def change(config):
        config["config"]["layers"][1].update(class_name="TorchModuleWrapper")

    path = rewritten(saved, tmp_path / "t.keras", change)
    assert "'d' is a TorchModuleWrapper" in one_line_error(path)
    assert "which only PyTorch can run" in one_line_error(path, allow_code=True)


def test_vocabulary_files_are_refused(tmp_path, saved):
    def change(config):
        layer = config["config"]["layers"][1]
        layer.update(class_name="StringLookup", config={"name": "d", "vocabulary": "/etc/passwd"})

    assert "/etc/passwd" in one_line_error(
        rewritten(saved, tmp_path / "v.keras", change), UnsafeSource
    )


def test_oversized_layer_costs_no_memory(tmp_path):
    path = write_h5(tmp_path / "big.h5")
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][1]["config"]["units"] = 10**11
        file.attrs["model_config"] = json.dumps(config)
    assert "declares weights" in one_line_error(path)


def test_deep_config(tmp_path, saved):
    path = tmp_path / "deep.keras"
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            deep = b'{"class_name":"A","config":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
            new.writestr(name, deep if name == "config.json" else old.read(name))
    one_line_error(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers(tmp_path, value):
    model = small_model()
    kernel = np.ones((4, 3), "float32")
    kernel[2, 1] = value
    model.get_layer("d").kernel.assign(kernel)
    path = tmp_path / "bad.keras"
    model.save(path)
    text = one_line_error(path)
    assert "'d'" in text
    assert "kernel" in text
    with pytest.raises(SourceError, match="'d'"):
        load(model)


def test_weights_only_files_say_what_to_do(tmp_path):
    path = tmp_path / "only.weights.h5"
    small_model().save_weights(path)
    assert "weights only" in one_line_error(path)


@pytest.mark.parametrize("name", ["no-colon", "nowhere_at_all:X", "json:nothing", ":x", "x:"])
def test_bad_custom_objects(saved, name):
    with pytest.raises(OptionError):
        load(saved, custom_objects=[name])


def test_source_is_untouched_and_named_by_its_digest(saved):
    before, stamp = saved.read_bytes(), saved.stat().st_mtime_ns
    loaded = load(saved)
    assert (saved.read_bytes(), saved.stat().st_mtime_ns) == (before, stamp)
    assert loaded.sha256 == digest(saved) == hashlib.sha256(before).hexdigest()
    assert (loaded.name, loaded.kind, loaded.mends, loaded.parameters) == ("small", "keras", (), 15)


def test_content_counts_not_the_suffix(tmp_path, saved):
    path = tmp_path / "model.h5"
    path.write_bytes(saved.read_bytes())
    assert load(path).kind == "keras"
