"""Bad input ends in one line that helps, the documented code, and nothing written."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

TOML = 'schema = 1\nname = "mine"\nsummary = "mine"\nformat = "{format}"\n{rest}\n'


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory, bench, tiny_data, tiny_model) -> Path:
    """Return a folder with every kind of bad file, and good ones."""
    import keras

    folder = tmp_path_factory.mktemp("bad")
    x, y = tiny_data()
    nan = x.copy()
    nan[5, 3, 3, 0] = np.nan
    good = bench.model.read_bytes()
    tiny_model().save(folder / "good.h5")
    h5 = (folder / "good.h5").read_bytes()
    for name, content in {
        "good.keras": good,
        "truncated.keras": good[: len(good) // 2],
        "junk.keras": b"PK\x03\x04" + bytes(range(256)) * 8,
        "truncated.h5": h5[: len(h5) // 3],
        "junk.h5": h5[:8] + bytes(range(256)) * 8,
        "text.keras": b"not a model\n",
        "empty.keras": b"",
        "junk.npz": b"PK\x03\x04 nothing",
        "words.csv": b"a,b\nyes,no\n",
        "notes.txt": b"no data\n",
        "broken.toml": b"schema = 1\nname = ",
        "pair.toml": TOML.format(
            format="onnx", rest='[quantization]\nweights = "int4"\nactivations = "dynamic"'
        ).encode(),
        "io.toml": TOML.format(format="onnx", rest='[quantization]\nio = "int8"').encode(),
        "typo.toml": TOML.format(format="tflite", rest='[quantization]\nwieghts = "int8"').encode(),
        "format.toml": TOML.format(format="tflight", rest="").encode(),
        "raises.py": b"def data():\n    raise KeyError('columns')\n\ndef none():\n    return []\n",
    }.items():
        (folder / name).write_bytes(content)
    (folder / "folder").mkdir()
    for name, arrays in {
        "good": {"image": x, "y": y},
        "unlabelled": {"image": x},
        "shape": {"image": x[:, :5]},
        "text": {"image": np.array(["a", "b"])},
        "complex": {"image": x.astype(np.complex64)},
        "name": {"picture": x, "label": y},
        "none": {"image": x[:0]},
        "nan": {"image": nan},
        "flat": {"image": np.zeros_like(x)},
        "lengths": {"image": x, "y": y[:7]},
        "pickled": {"image": np.array([{"a": 1}] * 4, dtype=object)},
    }.items():
        np.savez(folder / f"{name}.npz", **arrays)
    image = keras.Input((None, 8, 1), name="image")
    open_ended = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(image))
    keras.Model(image, open_ended, name="open").save(folder / "open.keras")
    raw = keras.Input((8, 8, 1), name="image")
    scores = keras.layers.Conv2D(4, 3)(keras.layers.Rescaling(1 / 127.5, -1.0)(raw))
    scores = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(scores))
    keras.Model(raw, scores, name="rescaling").save(folder / "rescaling.keras")
    return folder


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one cache for all: what a model is need not be found out sixty times."""
    return tmp_path_factory.mktemp("kept")


FLOAT = ("-t", "tflite-fp32")
INT8 = ("-t", "tflite-int8", "-c")
CASES: dict[str, tuple[str, tuple[str, ...], str]] = {
    # the source
    "no file": ("missing.keras", FLOAT, "no such file"),
    "a folder": ("folder", FLOAT, "without saved_model.pb"),
    "a truncated .keras": ("truncated.keras", FLOAT, "truncated.keras: .*damaged or truncated"),
    "a junk .keras": ("junk.keras", FLOAT, "junk.keras: "),
    "a truncated .h5": ("truncated.h5", FLOAT, "truncated.h5: "),
    "a junk .h5": ("junk.h5", FLOAT, "junk.h5: "),
    "a text file": ("text.keras", FLOAT, "a text file; expected a Keras model"),
    "an empty file": ("empty.keras", FLOAT, "the file is empty"),
    "data for a model": ("good.npz", FLOAT, "good.npz: "),
    # the data
    "no data file": ("good.keras", (*INT8, "missing.npz"), "missing.npz: no such file"),
    "a profile's name with a typo": ("good.keras", (*INT8, "digts"), "did you mean 'digits'"),
    "a text file as data": ("good.keras", (*INT8, "notes.txt"), "expected an .npz"),
    "a folder without pictures": ("good.keras", (*INT8, "folder"), "folder: .*picture"),
    "a wrong shape": ("good.keras", (*INT8, "shape.npz"), r"shape.npz: .*8.*got.*5"),
    "text in an array": ("good.keras", (*INT8, "text.npz"), "text.npz: .*numbers"),
    "complex numbers": ("good.keras", (*INT8, "complex.npz"), "complex.npz: .*complex"),
    "a wrong name": ("good.keras", (*INT8, "name.npz"), r"inputs: image .*got: picture, label"),
    "no samples": ("good.keras", (*INT8, "none.npz"), "none.npz: expected samples"),
    "NaN": ("good.keras", (*INT8, "nan.npz"), "NaN or infinity, .*sample 5"),
    "constant data": ("good.keras", (*INT8, "flat.npz"), "constant-input"),
    "other lengths": ("good.keras", (*INT8, "lengths.npz"), r"labels as samples \(48\).* 7"),
    "pickled data": ("good.keras", (*INT8, "pickled.npz"), "pickled.npz: "),
    "a junk archive": ("good.keras", (*INT8, "junk.npz"), "junk.npz: "),
    "a table of words": ("good.keras", (*INT8, "words.csv"), "words.csv: "),
    "no such module": ("good.keras", (*INT8, "nowhere:data"), "nowhere:data: .*ModuleNotFound"),
    "code that raises": ("good.keras", (*INT8, "raises:data"), "raises:data: .*KeyError"),
    "code that gives nothing": ("good.keras", (*INT8, "raises:none"), "raises:none: .*samples"),
    "wrong scaling": ("rescaling.keras", (*INT8, "good.npz"), "wrong-scaling|scaling"),
    "no calibration": ("good.keras", ("-t", "tflite-int8"), "give --calibration DATA"),
    "no evaluation data": ("good.keras", (*FLOAT, "-e", "missing.npz"), "missing.npz: no such"),
    "no labels": (
        "good.keras", (*FLOAT, "-e", "unlabelled.npz", "-m", "top1"), "top1 needs labels",
    ),
    # the target
    "an unknown target": ("good.keras", ("-t", "tflite-int9"), "did you mean 'tflite-int8'"),
    "no TOML file": ("good.keras", ("-t", "missing.toml"), "missing.toml: no such file"),
    "broken TOML": ("good.keras", ("-t", "broken.toml"), "broken.toml: not a readable TOML"),
    "an impossible pair": ("good.keras", ("-t", "pair.toml"), "pair.toml: onnx has no .*int4"),
    "an impossible io": ("good.keras", ("-t", "io.toml"), "io.toml: io = 'int8' needs"),
    "a typo in TOML": ("good.keras", ("-t", "typo.toml"), "did you mean 'weights'"),
    "an unknown format": ("good.keras", ("-t", "format.toml"), "format.toml: format: .*tflight"),
    "a target twice": ("good.keras", (*FLOAT, *FLOAT), "tflite-fp32 is given twice"),
    # other options
    "an unknown metric": (
        "good.keras", (*FLOAT, "-e", "good.npz", "-m", "top11"), "top11.*top1",
    ),
    "a metric without data": ("good.keras", (*FLOAT, "-m", "top1"), "give --evaluate DATA"),
    "an unknown estimator": (
        "good.keras", (*INT8, "good.npz", "--estimator", "mim-max"), "min-max.*got 'mim-max'",
    ),
    "an open batch in tflite": ("good.keras", (*FLOAT, "--dynamic-batch"), "--dynamic-batch is"),
    "an unknown dimension": ("open.keras", FLOAT, "--input-shape image=1,"),
    "a shape for nobody": (
        "good.keras", (*FLOAT, "--input-shape", "img=1,8,8,1"), "no input 'img'; the inputs: image",
    ),
    "a shape that contradicts": (
        "good.keras", (*FLOAT, "--input-shape", "image=1,9,8,1"),
        "image=1,9,8,1 contradicts the model, which takes .,8,8,1",
    ),
    "a shape of another rank": ("open.keras", (*FLOAT, "--input-shape", "image=1,8"), "image"),
    "a batch for tflite": ("good.keras", (*FLOAT, "--input-shape", "image=0,8,8,1"), "NAME=1"),
    "no samples wanted": ("good.keras", (*INT8, "good.npz", "--samples", "0"), "at least 1, got 0"),
    "no threads": ("good.keras", (*FLOAT, "--threads", "0"), "at least 1, got 0"),
    "a negative seed": ("good.keras", (*INT8, "good.npz", "--seed", "-1"), "seed: .* got -1"),
    "a scale that is no number": ("good.keras", (*INT8, "good.npz", "--scale", "nan"), "scale"),
    "layers without data": ("good.keras", (*FLOAT, "--layers"), "--layers .*--calibration"),
    "an output without metric": ("good.keras", (*FLOAT, "--output-name", "scores"), "--metric"),
    "an unknown output": (
        "good.keras", (*FLOAT, "-e", "good.npz", "-m", "top1", "--output-name", "nope"),
        "nope.*scores",
    ),
    "no custom object": (
        "good.keras", (*FLOAT, "--custom-objects", "nowhere:Layer"), "nowhere.* cannot be imported",
    ),
    "no colon": ("good.keras", (*FLOAT, "--custom-objects", "Layer"), "module:name, got 'Layer'"),
    # the manifest
    "no manifest": ("", ("--from", "missing.json"), "missing.json: no such file"),
    "a manifest that is none": ("", ("--from", "broken.toml"), "broken.toml: not a readable"),
    # usage
    "no model": ("", FLOAT, "Missing argument 'MODEL'"),
    "no target": ("good.keras", (), "Missing option '--target'"),
    "a malformed shape": ("good.keras", (*FLOAT, "--input-shape", "image"), "expected NAME=1"),
    "both ways": ("", ("--from", "m.json", *FLOAT), "--target does not go with --from"),
}  # fmt: skip
USAGE = {"no model", "no target", "a malformed shape", "a batch for tflite", "both ways"}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_ends_in_one_line(
    case: str, bad: Path, kept: Path, here: Path, edgekit, monkeypatch: pytest.MonkeyPatch, tree
) -> None:
    model, words, expected = CASES[case]
    monkeypatch.setenv("EDGEKIT_CACHE", str(kept))
    monkeypatch.chdir(bad)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = {p.name: (p.stat().st_mtime_ns, p.stat().st_size) for p in bad.rglob("*")}
    out = here / "results"
    options = [*words, "--no-measure", "-q", "--output", out]
    result = edgekit("convert", *[model][: len(model)], *options)
    assert not isinstance(result.exception, AssertionError | KeyError | ValueError), result.output
    assert result.exit_code == (2 if case in USAGE else 1), (result.output, result.exception)
    lines = result.stderr.splitlines()
    assert result.stdout == ""
    assert len(lines) == 1 or case in USAGE
    assert lines[-1].startswith("Error: ")
    assert re.search(expected, lines[-1]), lines[-1]
    assert not out.exists()
    assert {p.name: (p.stat().st_mtime_ns, p.stat().st_size) for p in bad.rglob("*")} == before
    assert tree(Path(os.environ["TMPDIR"])) == []


def test_a_name_too_long_for_a_file_is_one_line_where_results_are(bench, here: Path, edgekit):
    (here / "results" / bench.model.stem).mkdir(parents=True)
    result = edgekit("convert", bench.model, "-t", "t" * 300, "-o", here / "results")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: no target")


@pytest.mark.parametrize(
    ("module", "target", "extra"),
    [
        ("openvino", "openvino-fp32", "openvino"), ("nncf", "openvino-int8", "openvino"),
        ("onnx", "onnx-fp32", "onnx"), ("onnxruntime", "onnx-int8", "onnx"),
        ("tf2onnx", "onnx-dynamic", "onnx"),
    ],
)  # fmt: skip
def test_a_missing_extra_is_named_before_anything_runs(
    module: str, target: str, extra: str, bench, here: Path, edgekit, monkeypatch, tree
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    result = edgekit("convert", bench.model, "-t", target, "-c", bench.data)
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {module} is not installed: pip install 'edgekit-ml[{extra}]'\n"
    )
    assert tree(here) == []
    assert tree(Path(os.environ["EDGEKIT_CACHE"])) == []


def test_destinations_that_are_refused(bench, here: Path, edgekit, monkeypatch, tree) -> None:
    place = here / "out" / "tiny" / "tflite-fp32"
    words = ("convert", bench.model, "-t", "tflite-fp32", "-q", "--no-measure")
    place.parent.mkdir(parents=True)
    place.write_text("a file")
    assert "expected a folder, found a file" in edgekit(*words).stderr
    place.unlink()
    place.mkdir()
    (place / "thesis.tex").write_text("years of work")
    refused = edgekit(*words)
    assert (refused.exit_code, len(refused.stderr.splitlines())) == (1, 1)
    assert "holds files that edgekit did not make" in refused.stderr
    (here / "file").touch()
    assert "is a file, not a folder" in edgekit(*words, "-o", here / "file" / "below").stderr
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode & os.W_OK == 0 and real(path, mode))
    assert "cannot be written" in edgekit(*words, "-o", here / "other").stderr
    assert tree(here) == [
        "file", "out", "out/tiny", "out/tiny/tflite-fp32", "out/tiny/tflite-fp32/thesis.tex",
    ]  # fmt: skip


def written(folder: Path) -> dict[str, int]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.stat().st_mtime_ns for p in files}


def test_a_disk_that_fills_leaves_the_old_result(bench, here: Path, process, tree) -> None:
    """A limit on the size of files stands for the full disk: the report does not fit."""
    words = (bench.model, "-t", "tflite-fp32", "-q", "--no-measure")
    code = (
        "import resource, signal, sys; from edgekit.cli import main;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "size = int(sys.argv.pop(1));"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size));"
        "main(prog_name='edgekit')"
    )
    first = process("-1", "convert", *words, code=code)
    assert first.returncode == 0, first.stderr
    (here / "out" / "tiny" / "tflite-fp32" / "mine").write_text("of the old result")
    before = written(here)
    second = process("3000", "convert", *words, code=code)
    assert second.returncode == 1
    assert re.fullmatch("Error: .*no room left on the disk; free some.*\n", second.stderr)
    assert written(here) == before
    assert tree(Path(os.environ["TMPDIR"])) == []
