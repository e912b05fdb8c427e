"""The child process of ``compression``: one recipe on one pair, to files; prints what came out."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.compression import ZOO
from edgekit.progress import Silent


class Clock(Silent):
    """Keeps the wall and CPU seconds of each epoch."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.cpu_seconds: list[float] = []

    @contextlib.contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[None]:
        """Note how long an epoch takes."""
        began, before = time.perf_counter(), time.process_time()
        with super().stage(name, total):
            yield
        if ": epoch " in name:
            self.seconds.append(time.perf_counter() - began)
            self.cpu_seconds.append(time.process_time() - before)


def main(text: str) -> None:
    """Do a job; the last line of stdout is the answer."""
    job = json.loads(text)
    from edgekit.quiet import quiet

    with quiet():
        answer = _scored(job) if "file" in job else _compressed(job)
    print(json.dumps(answer))


def _zoo() -> Any:
    spec = importlib.util.spec_from_file_location("zoo", ZOO)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(ZOO)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _compressed(job: dict[str, Any]) -> dict[str, Any]:
    import edgekit

    path, calibration, x, y, score = _zoo().case(job["pair"])
    base = score(np.asarray(_source(path).predict(x, verbose=0)), y)
    clock = Clock()
    done = edgekit.convert(
        path,
        job["targets"],
        out=Path(job["folder"]) / "out",
        calibration=calibration,
        recipe=job["recipe"] or None,
        train=_training(job["pair"], job["seed"]) if job["trains"] else None,
        options=edgekit.Options(
            training=edgekit.TrainingOptions(**job["options"], seed=job["seed"]),
            seed=job["seed"],
            measure=job["measure"],
        ),
        cache=False,
        progress=clock,
    )
    found = {
        report.target.name: {
            "drop_pp": 100 * (base - score(_outputs(artifact.path, x), y)),
            "latency_ms": report.latency and report.latency.artifact.median_ms,
            "compressed": report.audit.gzip_bytes,
        }
        for report, artifact in zip(done.reports, done.artifacts, strict=True)
    }
    before = done.reports[0].compression
    return {
        "score": base,
        "targets": found,
        "weight_bytes": before and before.before.weight_bytes,
        "epoch_seconds": clock.seconds,
        "epoch_cpu_seconds": clock.cpu_seconds,
    }


def _scored(job: dict[str, Any]) -> dict[str, Any]:
    path, _, x, y, score = _zoo().case(job["pair"])
    base = score(np.asarray(_source(path).predict(x, verbose=0)), y)
    return {"drop_pp": 100 * (base - score(_outputs(Path(job["file"]), x), y))}


def _source(path: Path) -> Any:
    from edgekit.source import load

    return load(str(path)).model


def _outputs(path: Path, x: NDArray[Any]) -> NDArray[Any]:
    from edgekit import runtimes

    artifact = runtimes.describe(path)
    runner = runtimes.open_runner(artifact)
    return next(iter(runner.run({artifact.inputs[0].name: x}).values()))


def _training(pair: str, seed: int) -> Any:
    zoo = _zoo()
    if pair == "resnet8":
        from benchmarks.cifar import training

        return lambda: training(seed)
    if pair == "esc10":
        with np.load(zoo.find("esc10_miniresnet", "esc10_train400_logmel.npz")) as data:
            return {"x": data["x"].astype(np.float32), "y": data["y"]}
    raise ValueError(f"no training data for {pair}")


if __name__ == "__main__":
    main(sys.argv[1])
