"""The child process of ``calibration``: one way to collect ranges, timed without its preparation.

``python -m benchmarks.collecting WAY FOLDER SAMPLES``: model.keras is in FOLDER, WAY.json will be.
Samples are made one by one, from their number.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BATCH = 16
ALL = ("min-max", "moving-average", "percentile", "entropy", "mse")
Collect = Callable[[], tuple[float, int]]  # to seconds and tensors


def samples(count: int) -> Iterator[NDArray[np.float32]]:
    """Yield seeded pictures in [-1, 1], one at a time."""
    for number in range(count):
        rng = np.random.default_rng(number)
        coarse = rng.uniform(-1, 1, (4, 4, 3)).repeat(24, axis=0).repeat(24, axis=1)
        yield np.clip(coarse + rng.normal(0, 0.1, (96, 96, 3)), -1, 1).astype(np.float32)


def write(path: Path, count: int) -> None:
    """Write the samples as .npy, without ever holding more than one."""
    from numpy.lib.format import write_array_header_1_0

    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, 96, 96, 3)}
        write_array_header_1_0(file, header)
        for sample in samples(count):
            file.write(sample.tobytes())


def edgekit_way(path: Path, data: Path, *, every: bool, means: bool, **options: Any) -> Collect:
    """Return edgekit's collection over the trace, at the batch that convert uses.

    ``every`` takes every tensor of the trace; otherwise those that a float TFLite or OpenVINO file
    holds, which are the ones that quantizers ask for.
    """
    import keras

    from edgekit.calibrate.sources import open_samples
    from edgekit.quantizers.statistics import collect
    from edgekit.trace import freeze, signature
    from edgekit.trace.observe import activations

    model = keras.saving.load_model(path)
    found = signature(model)
    wide = freeze(model, found.with_batch(BATCH))
    opened = open_samples(str(data), found.specs)
    probe = next(iter(opened.batches(1))).inputs
    names = activations(wide) if every else held(path, freeze(model, found), wide, probe)

    def run() -> tuple[float, int]:
        began = time.perf_counter()
        collect(wide, opened, names, means=means, **options)
        return time.perf_counter() - began, len(names)

    return run


def held(path: Path, trace: Any, wide: Any, probe: Any) -> list[str]:
    """Return the tensors of the wide trace that the exported float files hold."""
    import openvino as ov

    from edgekit import runtimes
    from edgekit.exporters import openvino, tflite
    from edgekit.quantizers.matching import match_artifact
    from edgekit.trace.observe import activations, few_samples

    files = path.with_name("held.tflite"), path.with_name("held.xml")
    files[0].write_bytes(tflite.export(trace))
    ov.save_model(openvino.export(trace), str(files[1]), compress_to_fp16=False)
    reference = few_samples(wide, activations(wide), probe)
    matchings = [match_artifact(runtimes.describe(file), probe, reference) for file in files]
    return sorted({name for matching in matchings for name in matching.tensors.values()})


def litert_way(path: Path, data: Path) -> Collect:
    """Return litert-quantizer's own calibration of the float file."""
    import keras
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter
    from litert_quantizer import quantizer, recipe

    model = keras.saving.load_model(path)
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    ends = Interpreter(model_content=content).get_signature_list()
    signature, names = next(iter(ends.items()))
    file = path.with_name("float.tflite")
    file.write_bytes(content)
    engine = quantizer.Quantizer(str(file))
    engine.load_quantization_recipe(recipe.static_wi8_ai8())
    stored = np.load(data, mmap_mode="r")

    def run() -> tuple[float, int]:
        feed = [{names["inputs"][0]: x[None]} for x in stored]  # it asks for the length first
        began = time.perf_counter()
        found = engine.calibrate({signature: feed})
        return time.perf_counter() - began, len(found)

    return run


def nncf_way(path: Path, data: Path, bias: bool) -> Collect:
    """Return NNCF's collection of statistics; what else its quantize does is not counted."""
    import keras
    import nncf
    import openvino as ov
    from nncf.common.tensor_statistics.aggregator import StatisticsAggregator

    model = keras.saving.load_model(path)
    folder = path.with_name("saved_model")
    model.export(str(folder), format="tf_saved_model", verbose=False)
    converted = ov.convert_model(str(folder))
    stored = np.load(data, mmap_mode="r")
    dataset = nncf.Dataset(stored, lambda x: np.array(x)[None])
    options = nncf.AdvancedQuantizationParameters(disable_bias_correction=not bias)

    def run() -> tuple[float, int]:
        inner, seconds, tensors = StatisticsAggregator.collect_statistics, [0.0], [0]

        def timed(this: Any, *arguments: Any) -> None:
            began = time.perf_counter()
            inner(this, *arguments)
            seconds.append(time.perf_counter() - began)
            tensors.append(sum(len(points) for points in this.statistic_points.values()))

        StatisticsAggregator.collect_statistics = timed
        nncf.quantize(converted, dataset, subset_size=len(stored), advanced_parameters=options)
        return sum(seconds), sum(tensors)

    return run


WAYS: dict[str, Callable[[Path, Path], Collect]] = {
    "edgekit-ranges": lambda path, data: edgekit_way(path, data, every=False, means=False),
    "edgekit-means": lambda path, data: edgekit_way(path, data, every=False, means=True),
    "edgekit-all": lambda path, data: edgekit_way(
        path, data, every=False, means=True, estimators=ALL
    ),
    "edgekit-every": lambda path, data: edgekit_way(path, data, every=True, means=False),
    "litert": litert_way,
    "nncf-ranges": lambda path, data: nncf_way(path, data, False),
    "nncf-means": lambda path, data: nncf_way(path, data, True),
}


def main(way: str, folder: Path, count: int) -> None:
    """Prepare, collect, and write what it took."""
    data = folder / f"samples-{count}.npy"
    if not data.is_file():
        write(data, count)
    run = WAYS[way](folder / "model.keras", data)
    before = _peak_mib()
    seconds, tensors = run()
    peak = _peak_mib()
    facts = {
        "seconds": seconds, "tensors": tensors, "peak_mib": peak, "grown_mib": peak - before
    }  # fmt: skip
    (folder / f"{way}.json").write_text(json.dumps(facts), encoding="utf-8")


def _peak_mib() -> float:
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
