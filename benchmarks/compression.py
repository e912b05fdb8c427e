"""Recipes on real models: points lost by the files, over three seeds; TFMOT's QAT beside them.

The data are those of ``../shared/assets``. TFMOT runs in an environment of its own, whose Python
``EDGEKIT_TFMOT_PYTHON`` names; without it its rows say so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from benchmarks.processes import ROOT, TIMEOUT_S, ProcessFailed, environment, last_error
from benchmarks.rows import Row

SHARED = ROOT.parent / "shared"
ZOO = SHARED / "bench" / "zoo.py"
RESNET = (
    SHARED / "assets/mlperf_tiny_models/image_classification/trained_models/pretrainedResnet.h5"
)
CIFAR = SHARED / "assets/cifar10/cifar10_train_20000.npz"
TFMOT = "EDGEKIT_TFMOT_PYTHON"
SEEDS = 3
SPARSE: dict[str, Any] = {"loss": "sparse_categorical_crossentropy"}
# (pair, recipe, target, training options, most points lost)
CASES: tuple[tuple[str, str, str, dict[str, Any], float | None], ...] = (
    ("resnet8", "qat", "tflite-int8", {"epochs": 2, **SPARSE}, -0.5),
    ("esc10", "qat", "tflite-int8", {"epochs": 2, **SPARSE}, 0.0),
    ("resnet8", "prune-50-qat", "tflite-int8", {"epochs": 2, **SPARSE}, 1.1),
    ("resnet8", "channel-prune-50-qat", "tflite-int8", {"epochs": 4, **SPARSE}, 3.0),
    ("resnet8", "cluster-16-qat", "tflite-int8", {"epochs": 2, **SPARSE}, 1.0),
    ("resnet8", "", "tflite-int4-weights", {}, None),
    ("resnet8", "ptq-int4", "tflite-int4-weights", {}, None),
    ("resnet8", "qat-int4", "tflite-int4-weights", {"epochs": 2, **SPARSE}, None),
)
PTQ_MOST = 0.5
MOST_TIME = 1.0
MOST_LATENCY = 0.65
LATENCY_ROUNDS = 20
Epoch = tuple[float, float]  # wall and CPU seconds
PTQ_TARGETS = ("tflite-int8", "openvino-int8", "onnx-int8")


def rows(only: Sequence[str] = (), repeats: int = SEEDS) -> Iterator[Row]:
    """Yield a row for each recipe, the post-training recipe on every pair, and TFMOT."""
    if not ZOO.is_file():
        yield Row(what="compression", problem="not measured: ../shared/bench/zoo.py is not here")
        return
    for pair, recipe, target, options, most in CASES:
        if only and recipe not in only:
            continue
        yield _trained(pair, recipe, target, options, most, repeats)
    if not only or "ptq" in only:
        yield from _post_training()
    if not only or "latency" in only:
        yield _pruned_latency()
    if not only or "tfmot" in only:
        yield from _tfmot(repeats)


def _trained(
    pair: str, recipe: str, target: str, options: dict[str, Any], most: float | None, repeats: int
) -> Row:
    what = f"{pair} {recipe or 'as it is'} {target}"
    seeds = range(repeats if options else 1)
    try:
        found = [compressed(pair, recipe, [target], options, seed) for seed in seeds]
    except ProcessFailed as error:
        return Row(what=what, unit="pp", bar=most, bar_on="figure", problem=str(error))
    drops = [answer["targets"][target]["drop_pp"] for answer in found]
    small = [a["targets"][target]["compressed"] / a["weight_bytes"] for a in found if recipe]
    epochs = [seconds for answer in found for seconds in answer["epoch_seconds"]]
    note = spread(drops)
    note += f"; file with gzip {fmean(small):.2f}x of float weights" if small else ""
    note += f"; {fmean(epochs):.0f} s an epoch" if epochs else ""
    return Row(what=what, unit="pp", edgekit=fmean(drops), bar=most, bar_on="figure", note=note)


def _post_training() -> Iterator[Row]:
    for pair in ("resnet8", "kws", "har", "esc10"):
        try:
            found = compressed(pair, "ptq", list(PTQ_TARGETS), {}, 0)["targets"]
        except ProcessFailed as error:
            yield Row(what=f"{pair} ptq", unit="pp", bar=PTQ_MOST, problem=str(error))
            continue
        for target, facts in found.items():
            yield Row(
                what=f"{pair} ptq {target}", unit="pp", edgekit=facts["drop_pp"], bar=PTQ_MOST,
                bar_on="figure",
            )  # fmt: skip


def _pruned_latency() -> Row:
    """Return how long the float file takes on this host with half of the multiply-accumulates."""
    import edgekit
    from edgekit.passes.channel_prune import ChannelPrune
    from edgekit.quiet import quiet

    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder, quiet():
        convert = partial(
            edgekit.convert, RESNET, "tflite-fp32", options=edgekit.Options(measure=False),
            cache=False,
        )  # fmt: skip
        half = [ChannelPrune(macs=0.5)]
        runs = (
            convert(out=Path(folder, "pruned"), recipe=half, calibration=CIFAR),
            convert(out=Path(folder, "source")),
        )
        files = [run.artifacts[0].path for run in runs]
        found = edgekit.benchmark(files, "host", rounds=LATENCY_ROUNDS).measurements
    pruned, whole = (1e3 * each.latency.ms if each.latency else None for each in found)
    return Row(
        what="resnet8 channel-prune to half of the MACs: float file on this host", unit="us",
        edgekit=pruned, peer=whole, peer_name="source", bar=MOST_LATENCY,
    )  # fmt: skip


def _tfmot(repeats: int) -> Iterator[Row]:
    """Yield what TFMOT's QAT loses, and its epochs beside ours, which are run again in turns."""
    python = os.environ.get(TFMOT)
    if not python:
        yield Row(what="resnet8 QAT of TFMOT", problem=f"not measured: {TFMOT} is not set")
        return
    drops, theirs, ours = [], list[Epoch](), list[Epoch]()
    for seed in range(repeats):
        with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder:
            _run([python, "-m", "benchmarks.peers.tfmot_qat", str(RESNET), folder, "2", str(seed)])
            told = json.loads(Path(folder, "epoch.json").read_text(encoding="utf-8"))
            theirs.append((told["mean_seconds"], told["mean_cpu_seconds"]))
            job = {"pair": "resnet8", "file": str(Path(folder, "model.tflite"))}
            drops.append(_answer(job)["drop_pp"])
        own = compressed("resnet8", "qat", ["tflite-int8"], {"epochs": 2, **SPARSE}, seed)
        ours.append((fmean(own["epoch_seconds"]), fmean(own["epoch_cpu_seconds"])))
    yield Row(what="resnet8 QAT of TFMOT", unit="pp", edgekit=fmean(drops), note=spread(drops))
    yield Row(
        what="resnet8 QAT: an epoch, in turns", unit="s", edgekit=median(wall for wall, _ in ours),
        peer=median(wall for wall, _ in theirs), peer_name="TFMOT", bar=MOST_TIME,
        note=f"wall, CPU: {_each(ours)}; TFMOT: {_each(theirs)}",
    )  # fmt: skip


def _each(epochs: Sequence[Epoch]) -> str:
    return ", ".join(f"{wall:.1f} {cpu:.1f}" for wall, cpu in epochs)


def compressed(
    pair: str, recipe: str, targets: list[str], options: dict[str, Any], seed: int
) -> dict[str, Any]:
    """Run a recipe on a pair in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder:
        job = {
            "pair": pair,
            "recipe": recipe,
            "targets": targets,
            "options": options,
            "seed": seed,
            "folder": folder,
            "trains": bool(options),
            "measure": False,
        }
        return _answer(job)


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    printed = _run([sys.executable, "-m", "benchmarks.compressing", json.dumps(job)])
    answer: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    return answer


def _run(command: list[str]) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode:
        text = done.stderr.decode(errors="replace")
        raise ProcessFailed(f"ended with {done.returncode}: {last_error(text)}")
    return done.stdout.decode()


def spread(drops: Sequence[float]) -> str:
    """Say what came out of each seed, and how far apart."""
    each = ", ".join(f"{drop:.2f}" for drop in drops)
    return f"seeds {each}" + (f" (sd {stdev(drops):.2f})" if len(drops) > 1 else "")
