"""``--target micro-int8``: a TFLite file for TensorFlow Lite Micro, and the same as C."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import manifest
from edgekit.devices.microcontroller.ask import MICRO

PROGRAM = """\
#include <stdio.h>
#include "tiny_model.h"
int main(void) {
  const int shape[TINY_INPUT_0_RANK] = TINY_INPUT_0_SHAPE;
  printf("%d %d %d %d %a %d %d %d\\n", shape[0], shape[1], shape[2], shape[3],
         (double)TINY_INPUT_0_SCALE, TINY_INPUT_0_ZERO_POINT, (int)sizeof(TINY_OUTPUT_0_TYPE),
         TINY_OUTPUT_0_ELEMENTS);
  return fwrite(tiny_model, 1, TINY_MODEL_BYTES, stdout) != TINY_MODEL_BYTES;
}
"""
needs_micro = pytest.mark.skipif(
    bool(MICRO.missing()),
    reason="tflite-micro is not installed: edgekit devices install cortex-m4",
)


def made(edgekit: Any, bench: Any, *words: object) -> Path:
    done = edgekit("convert", bench.model, "-t", "micro-int8", "-c", bench.data, "--no-measure",
                   "-o", "out", *words)  # fmt: skip
    assert done.exit_code == 0, done.output
    return Path("out/tiny/micro-int8")


def report_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def test_header_and_source_are_delivered_and_described(here, edgekit, bench) -> None:
    folder = made(edgekit, bench)
    report = report_of(folder)
    sizes = {name: (folder / name).stat().st_size for name in ("tiny_model.h", "tiny_model.c")}
    assert report["c_source"]["files"] == sizes
    assert report["artifact"]["files"] == {"model.tflite": (folder / "model.tflite").stat().st_size}
    assert sizes.keys() < manifest.read(folder).files.keys()
    assert "## C source" in (folder / "report.md").read_text()
    assert edgekit("verify", folder).exit_code == 0
    with (folder / "tiny_model.h").open("a") as file:
        file.write("\n")
    changed = edgekit("verify", folder)
    assert changed.exit_code == 3
    assert "tiny_model.h" in changed.output


@pytest.mark.parametrize(("compiler", "dialect"), [("gcc", "c11"), ("g++", "c++17")])
def test_the_source_compiles_and_gives_the_file_back(
    compiler: str, dialect: str, here, edgekit, bench
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    folder = made(edgekit, bench)
    (folder / "main.c").write_text(PROGRAM)
    language = "c++" if "++" in dialect else "c"
    flags = ["-x", language, f"-std={dialect}", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    subprocess.run(
        [compiler, *flags, "main.c", "tiny_model.c", "-o", "read"],
        cwd=folder, check=True, timeout=120,
    )  # fmt: skip
    out = subprocess.run([(folder / "read").resolve()], capture_output=True, check=True, timeout=60)
    line, _, content = out.stdout.partition(b"\n")
    *shape, scale, zero, size, elements = line.decode().split()
    given = report_of(folder)["artifact"]["inputs"][0]
    assert list(map(int, shape)) == given["shape"] == [1, 8, 8, 1]
    assert np.float32(float.fromhex(scale)) == np.float32(given["scale"])
    assert (int(zero), int(size), int(elements)) == (given["zero_point"], 1, 3)
    assert content == (folder / "model.tflite").read_bytes()


def test_the_tflite_file_is_that_of_tflite_int8(here, edgekit, bench) -> None:
    folder = made(edgekit, bench, "-t", "tflite-int8")
    other = folder.parent / "tflite-int8"
    assert (folder / "model.tflite").read_bytes() == (other / "model.tflite").read_bytes()
    assert not list(other.glob("*.[ch]"))
    assert report_of(other)["c_source"] is None


def test_kept_results_give_the_same_bytes_under_the_name_of_each_model(
    here, edgekit, bench
) -> None:
    folder = made(edgekit, bench)
    first = {path.name: path.read_bytes() for path in folder.glob("*_model.?")}
    made(edgekit, bench)
    assert {path.name: path.read_bytes() for path in folder.glob("*_model.?")} == first
    assert report_of(folder)["stages"][0]["cached"]
    shutil.copy(bench.model, "time.keras")
    done = edgekit("convert", "time.keras", "-t", "micro-int8", "-c", bench.data, "--no-measure",
                   "-o", "out")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert b"time_model[TIME_MODEL_BYTES]" in Path("out/time/micro-int8/time_model.c").read_bytes()


def test_without_tflite_micro_the_arena_is_left_out_with_a_warning(
    here, edgekit, bench, monkeypatch, tmp_path
) -> None:
    monkeypatch.setenv("EDGEKIT_DEVICES", str(tmp_path / "empty"))
    if not MICRO.missing():
        pytest.skip("tflite-micro is installed for this Python itself")
    folder = made(edgekit, bench)
    report = report_of(folder)
    assert report["c_source"]["arena_bytes"] is None
    assert any("edgekit devices install cortex-m4" in line for line in report["warnings"])
    assert "#define TINY_ARENA_BYTES" not in (folder / "tiny_model.h").read_text()


@needs_micro
def test_the_arena_is_enough_and_one_byte_less_is_not(here, edgekit, bench, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "devices"))
    folder = made(edgekit, bench)
    report = report_of(folder)
    facts = report["c_source"]
    assert (
        f"#define TINY_ARENA_BYTES {facts['arena_bytes']}\n"
        in (folder / "tiny_model.h").read_text()
    )
    assert facts["tensor_bytes"] <= facts["arena_bytes_least"] < facts["arena_bytes"]
    assert facts["agreement"]["samples"] == 4
    assert "tflite-micro" in report["tools"]
    assert "tflite-micro" in manifest.read(folder).tools
    file = str((folder / "model.tflite").resolve())
    for less, code in ((0, 0), (1, 3)):
        done = MICRO.run("micro_probe:fits", file, str(facts["arena_bytes"] - less), timeout_s=60,
                         folder=here)  # fmt: skip
        assert done.returncode == code


@pytest.mark.parametrize(("layer", "kind"), [("gelu", "GELU"), ("repeat", "TILE")])
def test_an_operator_without_a_kernel_is_exit_code_3_and_named(
    layer: str, kind: str, here, edgekit
) -> None:
    import keras

    x = keras.Input((4,), name="frames")
    y = keras.layers.Dense(4, activation="relu", name="first")(x)
    layers = {"gelu": keras.layers.Activation("gelu"), "repeat": keras.layers.RepeatVector(3)}
    y = keras.layers.Flatten()(layers[layer](y))
    keras.Model(x, keras.layers.Dense(2, name="scores")(y), name="lacking").save("lacking.keras")
    np.savez("data.npz", frames=np.random.default_rng(0).normal(size=(40, 4)).astype("float32"))
    done = edgekit("convert", "lacking.keras", "-t", "micro-int8", "-c", "data.npz", "--no-measure",
                   "-o", "out")  # fmt: skip
    assert done.exit_code == 3, done.output
    said = report_of(Path("out/lacking/micro-int8"))["broken_promises"]
    assert len(said) == 1
    assert f"TensorFlow Lite Micro has no kernel for {kind} (" in said[0]
