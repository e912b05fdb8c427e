from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgekit import catalog
from edgekit.errors import OptionError, UnknownName
from edgekit.explain import explain
from edgekit.target import Target

PROMISED = [
    "tflite-fp32",
    "tflite-fp16",
    "tflite-dynamic",
    "tflite-int8",
    "tflite-int8-float-io",
    "tflite-int16x8",
    "tflite-int4-weights",
    "micro-int8",
    "openvino-fp32",
    "openvino-fp16",
    "openvino-int8",
    "openvino-int8-weights",
    "onnx-fp32",
    "onnx-fp16",
    "onnx-int8",
    "onnx-dynamic",
]

GOOD = """
schema = 1
name = "mine"
summary = "Mine"
format = "tflite"
[quantization]
weights = "int8"
activations = "int8"
io = "int8"
"""


def test_all_that_was_promised_is_shipped() -> None:
    assert set(PROMISED) <= set(catalog.names("targets"))


@pytest.mark.parametrize("name", catalog.names("targets"))
def test_every_shipped_target(name: str) -> None:
    target = Target.load(name)
    assert target.name == name
    assert name.startswith(("micro",) if target.c_source else (target.format,))
    assert 10 < len(target.summary) <= 70
    assert not target.summary.endswith(".")


@pytest.mark.parametrize("name", catalog.names("targets"))
def test_every_shipped_file_says_what_it_is_and_when_to_choose_it(name: str) -> None:
    text = catalog.locate("targets", name).read_text()
    opening = text[: text.index("schema")]
    assert all(line.startswith("# ") for line in opening.splitlines())
    assert "Choose it" in opening or "choose it" in opening
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("name", catalog.names("targets"))
def test_the_numbers_are_those_of_the_name(name: str) -> None:
    q = Target.load(name).quantization
    wanted = {"fp32": "float32", "fp16": "float16", "dynamic": "int8", "int4": "int4"}
    word = re.split("-", name)[1]
    assert q.weights == wanted.get(word, "int8")
    assert (q.activations == "dynamic") == (word in ("dynamic", "int4"))
    assert q.needs_calibration == (word in ("int8", "int16x8") and not name.endswith("-weights"))


@pytest.mark.parametrize("name", catalog.names("targets"))
def test_integer_targets_promise_integers(name: str) -> None:
    target = Target.load(name)
    audit = target.audit
    assert not audit.allow_flex
    if target.quantization.needs_calibration:
        assert audit.require_per_channel
        assert not audit.allow_float_ops or audit.min_integer_mac_share >= 0.95
    elif target.quantization.weights in ("int8", "int4"):
        assert audit.min_integer_weight_share >= 0.8


@pytest.mark.parametrize("name", catalog.names("targets"))
def test_every_target_is_explained_in_sentences(name: str) -> None:
    said = explain(Target.load(name))
    assert {"Makes", "Numbers", "Input and output", "Needs", "Promises"} <= set(said)
    assert all(
        line.endswith(".") and line.isprintable() for lines in said.values() for line in lines
    )


def test_only_x86_unsafe_files_reduce_their_range() -> None:
    assert Target.load("onnx-int8").quantization.reduce_range
    assert not Target.load("openvino-int8").quantization.reduce_range


def test_a_path_works_like_a_name(tmp_path: Path) -> None:
    path = tmp_path / "any name.toml"
    path.write_text(GOOD)
    assert Target.load(str(path)).name == "mine"


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'tflite-int8'"):
        Target.load("tflite-in8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("schema = 1", "", "expected schema = 1"),
        ("schema = 1", "schema = 2", "expected schema = 1, got 2"),
        ('"tflite"', '"tflight"', "format.*tflight"),
        ('weights = "int8"', 'weights = "int9"', r"quantization\.weights.*int9"),
        ('weights = "int8"', "weights = 8", r"quantization\.weights"),
        ('weights = "int8"', 'wieghts = "int8"', "unknown key 'quantization.wieghts'.*'weights'"),
        ('summary = "Mine"', "", "summary"),
        ("[quantization]", "[quantisation]", "unknown key 'quantisation'.*'quantization'"),
        ('"tflite"', '"onnx"', r"io = 'int8' needs format = 'tflite'"),
        ('activations = "int8"', 'activations = "int16"', "does not fit activations = 'int16'"),
        ('activations = "int8"', 'activations = "float16"', "choices: .*int8/int8"),
        ("[quantization]", "[quantization", "not a readable TOML file"),
    ],
)  # fmt: skip
def test_what_is_wrong_names_file_and_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(OptionError, match=said) as caught:
        Target.load(str(path))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_contradictory_promises_name_the_choices(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD + "[audit]\nmin_integer_mac_share = 95\n")
    with pytest.raises(OptionError, match=r"audit.min_integer_mac_share is a share in \[0, 1\]"):
        Target.load(str(path))


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("c_source = true", "c_source = true needs format = 'tflite'"),
        ('audit.operators = "tflite-micro"', "audit.operators = 'tflite-micro' needs format"),
    ],
)
def test_what_is_of_microcontrollers_needs_tflite(tmp_path: Path, key: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'schema = 1\nname = "mine"\nsummary = "Mine"\nformat = "onnx"\n{key}\n')
    with pytest.raises(OptionError, match=said):
        Target.load(str(path))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\0" * 10])
def test_what_is_not_text_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(OptionError, match="not a readable TOML file"):
        Target.load(str(path))


def test_a_missing_path_is_not_a_name(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no such file"):
        Target.load(str(tmp_path / "none.toml"))
