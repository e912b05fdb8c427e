"""The child process of ``accuracy``: converts one pair of the zoo, or scores what was converted."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import PEERS, ZOO
from benchmarks.converting import convert_each


def main(text: str) -> None:
    """Do one step of a job; ``results.json`` holds what came out."""
    job = json.loads(text)
    folder = Path(job["folder"])
    os.environ["EDGEKIT_CACHE"] = str(folder / "cache")
    from edgekit.quiet import quiet

    with quiet():
        zoo = _zoo()
        path, calibration, *test = zoo.case(job["pair"])
        if job["step"] == "convert":
            _convert(zoo, path, calibration, job["targets"], folder)
        else:
            _score(path, test, job["targets"], folder)


def _zoo() -> Any:
    spec = importlib.util.spec_from_file_location("zoo", ZOO)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(ZOO)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _convert(
    zoo: Any, path: Path, calibration: NDArray[Any], targets: list[str], folder: Path
) -> None:
    zoo.load(path).save(folder / "plain.keras")
    np.savez(folder / "calibration.npz", x=calibration)
    for target, facts in convert_each(path, folder / "calibration.npz", targets, folder / "out"):
        (folder / f"{target}.json").write_text(json.dumps(facts), encoding="utf-8")


def _score(path: Path, test: list[Any], targets: list[str], folder: Path) -> None:
    from edgekit import source

    samples, labels, scorer = test
    model = source.load(path).model
    reference = np.asarray(model.predict(samples, batch_size=128, verbose=0))
    whole = scorer(reference, labels)
    found: dict[str, Any] = {"source": whole, "edgekit": {}, "peers": {}}
    for target in targets:
        facts = json.loads((folder / f"{target}.json").read_text(encoding="utf-8"))
        if file := facts.get("file"):
            outputs = _run(Path(file), samples)
            facts |= _agreement(reference, outputs)
            facts["score"] = scorer(outputs, labels)
            facts["drop_pp"] = 100 * (whole - facts["score"])
        found["edgekit"][target] = facts
    for name, file in (pair for routes in PEERS.values() for pair in routes.items()):
        made = folder / "peers" / name / file
        if made.is_file():
            found["peers"][name] = 100 * (whole - scorer(_run(made, samples), labels))
    (folder / "results.json").write_text(json.dumps(found), encoding="utf-8")


def _run(file: Path, samples: NDArray[Any]) -> NDArray[np.float32]:
    """Run a file in its own runtime, whatever its one input and output are called."""
    from edgekit import runtimes

    artifact = runtimes.describe(file)
    outputs = runtimes.open_runner(artifact).run({artifact.inputs[0].name: samples})
    return np.asarray(next(iter(outputs.values())))


def _agreement(reference: NDArray[Any], outputs: NDArray[Any]) -> Mapping[str, float]:
    noise = float(np.square(reference.astype(np.float64) - outputs).sum())
    signal = float(np.square(reference.astype(np.float64)).sum())
    return {
        "sqnr_db": min(300.0, 10 * np.log10(signal / max(noise, 1e-300))),
        "agreement": float((reference.argmax(1) == outputs.argmax(1)).mean()),
    }


if __name__ == "__main__":
    main(sys.argv[1])
