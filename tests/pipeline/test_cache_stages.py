"""What a second run repeats, and what it does not."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HEAVY = (
    "tensorflow", "keras", "openvino", "onnx", "onnxruntime", "ai_edge_litert", "scipy",
    "libtensorflow_cc",
)  # fmt: skip
LISTED = """
import sys
from pathlib import Path
from edgekit.cli import main
from edgekit.startup import this_process_is_ours
this_process_is_ours()
main(standalone_mode=False)
maps = Path("/proc/self/maps")
loaded = maps.read_text().split() if maps.exists() else []
libraries = {Path(word).name.partition(".")[0] for word in loaded if ".so" in word}
print(*sorted({name.partition(".")[0] for name in sys.modules} | libraries))
"""
Stages = dict[str, bool]


@pytest.fixture
def stages(bench, here: Path, edgekit) -> Callable[..., Stages]:
    """Convert, and say of each stage whether its result was there already."""

    def run(*words: object, target: str = "tflite-int8", model: object = None) -> Stages:
        source = bench.model if model is None else model
        options = ("-t", target, "-q", "--no-measure", "--estimator", "min-max", "--json", *words)
        result = edgekit("convert", source, *options)
        assert result.exit_code == 0, result.output
        found: dict[str, bool] = {}
        for stage in json.loads(result.stdout)["reports"][0]["stages"]:
            found[stage["name"]] = found.get(stage["name"], True) and stage["cached"]
        return found

    return run


def made(stages: Stages) -> set[str]:
    return {name for name, cached in stages.items() if not cached}


LEARNT = {"load", "trace", "trace-wide", "lint", "calibrate", "export-tflite", "match-tflite"}


def test_an_unchanged_run_is_a_lookup(bench, here: Path, stages, process, sha256, tree) -> None:
    words = ("-c", bench.data, "-e", bench.data, "-m", "top1")
    first = stages(*words)
    assert made(first) >= LEARNT
    before = {name: sha256(here / name) for name in tree(here) if (here / name).is_file()}
    assert stages(*words) == {"everything": True}
    options = ("-t", "tflite-int8", "-q", "--no-measure", "--estimator", "min-max")
    done = process("convert", bench.model, *options, *words, code=LISTED)
    assert done.returncode == 0, done.stderr
    assert set(HEAVY).isdisjoint(done.stdout.splitlines()[-1].split())
    artifact = "out/tiny/tflite-int8/model.tflite"
    assert sha256(here / artifact) == before[artifact]


def test_a_changed_last_step_repeats_only_itself(bench, here: Path, stages, tiny_data) -> None:
    first = ("-c", bench.data, "-e", bench.data, "-m", "top1")
    stages(*first)
    no_metric = stages("-c", bench.data, "-e", bench.data)
    assert LEARNT.isdisjoint(made(no_metric) - {"match-tflite"}), no_metric
    x, y = tiny_data(20)
    np.savez("other.npz", image=x, y=y)
    other_data = stages("-c", bench.data, "-e", "other.npz", "-m", "top1")
    assert LEARNT & made(other_data) <= {"load", "lint", "match-tflite"}, other_data
    other_target = stages("-c", bench.data, target="tflite-int8-float-io")
    assert LEARNT.isdisjoint(made(other_target) - {"match-tflite"}), other_target


@pytest.mark.parametrize("change", ["source", "data", "samples", "seed", "scale", "estimator"])
def test_a_change_is_a_miss(bench, here: Path, stages, change: str, tiny_data, tiny_model) -> None:
    model, data = here / "tiny.keras", here / "data.npz"
    shutil.copy(bench.model, model)
    shutil.copy(bench.data, data)
    stages("-c", data, "--samples", "30", model=model)
    words: tuple[str, ...] = ("--samples", "30")
    if change == "source":
        other = tiny_model()
        other.layers[0].bias.assign(np.full(4, 0.25))
        other.save(model)
    elif change == "data":
        x, y = tiny_data()
        np.savez(data, image=x * 0.5, y=y)
    else:
        words = {
            "samples": ("--samples", "31"),
            "seed": (*words, "--seed", "1"),
            "scale": (*words, "--scale", "0.5"),
            "estimator": (*words, "--estimator", "mse"),
        }[change]
    found = stages("-c", data, *words, model=model)
    assert {"calibrate", "quantize tflite-int8"} <= made(found), found
    assert ("trace" in made(found)) == (change == "source")


def test_a_damaged_entry_is_made_again(bench, here: Path, stages, sha256) -> None:
    stages("-c", bench.data)
    root = Path(os.environ["EDGEKIT_CACHE"])
    [kept] = root.glob("v1/run/*/content/model.tflite")
    [file] = root.glob("v1/make/*/content/files/model.tflite")
    [graph] = root.glob("v1/trace/*/content/graph.pb")
    good = sha256(here / "out/tiny/tflite-int8/model.tflite")
    for path in (kept, file, graph):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        path.write_bytes(content)
    found = stages("-c", bench.data)
    assert {"trace", "quantize tflite-int8"} <= made(found)
    assert "calibrate" not in made(found)
    assert sha256(here / "out/tiny/tflite-int8/model.tflite") == good


def test_no_cache_leaves_the_folder_alone(bench, here: Path, stages, tree) -> None:
    root = Path(os.environ["EDGEKIT_CACHE"])
    assert made(stages("-c", bench.data, "--no-cache")) >= LEARNT
    assert tree(root) == []
    stages("-c", bench.data)
    before = tree(root)
    assert made(stages("-c", bench.data, "--no-cache")) >= LEARNT
    assert tree(root) == before


def test_a_kept_result_goes_by_its_new_name(bench, here: Path, stages) -> None:
    stages("-c", bench.data)
    shutil.copy(bench.model, "renamed.keras")
    assert stages("-c", bench.data, model="renamed.keras") == {"everything": True}
    folder = here / "out" / "renamed" / "tflite-int8"
    report = json.loads((folder / "report.json").read_text())
    manifest = json.loads((folder / "manifest.json").read_text())
    assert report["source"]["name"] == manifest["source"]["name"] == "renamed"
    assert report["source"]["origin"] == "renamed.keras"
    assert manifest["command"][:3] == ["edgekit", "convert", "renamed.keras"]


CODE = """
import numpy as np
def data():
    rng = np.random.default_rng({seed})
    for _ in range(30):
        yield rng.uniform(-1, 1, (8, 8, 1)).astype("float32")
def score(labels, outputs):
    return {seed}
"""


def test_data_and_metrics_from_code_are_never_served(
    bench, here: Path, process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    def convert(*words: object) -> dict[str, Any]:
        options = ("-t", "tflite-int8", "--no-measure", "--estimator", "min-max", "--json")
        done = process("convert", bench.model, *options, *words)
        assert done.returncode == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)["reports"][0]
        return report

    (here / "mine.py").write_text(CODE.format(seed=1))
    words = ("-c", "mine:data", "-e", bench.data, "-m", "mine:score")
    first = convert(*words)
    (here / "mine.py").write_text(CODE.format(seed=2))
    second = convert(*words)
    assert first["evaluation"]["source_score"] == 1
    assert second["evaluation"]["source_score"] == 2
    assert first["artifact"]["sha256"] != second["artifact"]["sha256"]
