"""Four real models with labelled data, to every target: points lost, beside the documented routes.

The pairs are those of ``../shared/bench/zoo.py``; where that is not there, nothing can be measured
and the table says so.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.processes import ROOT, TIMEOUT_S, ProcessFailed, environment, last_error, peer, run
from benchmarks.rows import Row

ZOO = ROOT.parent / "shared" / "bench" / "zoo.py"
PAIRS = ("resnet8", "kws", "har", "esc10")
MOST_INT8, MOST_INT8_MEAN, MOST_FLOAT = 1.0, 0.3, 0.1
FLOAT = ("fp32", "fp16")
# format -> the documented int8 routes that a user would take for it, by script
PEERS = {
    "tflite": {"tflite_converter": "model.tflite", "litert": "model.tflite"},
    "openvino": {"openvino_nncf": "model.xml"},
    "onnx": {"onnx_qdq": "model.onnx"},
}


def rows(only: Sequence[str] = PAIRS, targets: Sequence[str] = ()) -> Iterator[Row]:
    """Yield a row for each pair and target, the documented routes', and each format's mean."""
    if not ZOO.is_file():
        yield Row(what="accuracy", problem="not measured: ../shared/bench/zoo.py is not here")
        return
    from edgekit import catalog

    wanted, found = list(targets) or catalog.names("targets"), []
    for pair in only:
        for row in _pair(pair, wanted):
            found.append(row)
            yield row
    yield from means(found)


def means(rows: Sequence[Row]) -> list[Row]:
    """Return the mean drop of every ``*-int8`` target over the pairs."""
    drops: dict[str, list[float | None]] = {}
    for row in rows:
        target = row.what.split()[1]
        if target.endswith("-int8"):
            drops.setdefault(target, []).append(row.edgekit)
    return [
        Row(
            what=f"mean {target}",
            unit="pp",
            edgekit=None if None in known else fmean(d for d in known if d is not None),
            bar=MOST_INT8_MEAN,
            bar_on="figure",
            problem="some pair has no file" if None in known else "",
        )
        for target, known in drops.items()
    ]


def _pair(pair: str, targets: Sequence[str]) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as place:
        folder = Path(place)
        _child("convert", pair, folder, targets)
        problems = _peers(folder)
        _child("score", pair, folder, targets)
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return [_row(pair, target, results, problems) for target in targets]


def _peers(folder: Path) -> dict[str, str]:
    """Run every documented route; return what went wrong."""
    problems = {}
    for name in (name for routes in PEERS.values() for name in routes):
        out = folder / "peers" / name
        out.mkdir(parents=True)
        try:
            run(peer(name, folder / "plain.keras", folder / "calibration.npz", out))
        except ProcessFailed as error:
            problems[name] = str(error)
    return problems


def _child(step: str, pair: str, folder: Path, targets: Sequence[str]) -> None:
    job = json.dumps({"step": step, "pair": pair, "folder": str(folder), "targets": list(targets)})
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.pair", job],
        cwd=ROOT, env=environment(), capture_output=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ProcessFailed(f"{pair}: {last_error(done.stderr.decode(errors='replace'))}")


def _row(pair: str, target: str, results: dict[str, Any], problems: dict[str, str]) -> Row:
    own = results["edgekit"][target]
    # The microcontroller target is a TFLite file, with C source beside it.
    kind = target.split("-")[0].replace("micro", "tflite")
    routes = PEERS[kind] if target.endswith("-int8") else {}
    drops = {name: results["peers"].get(name) for name in routes}
    best = min((d for d in drops.values() if d is not None), default=None)
    said = [f"{n} {'failed' if d is None else f'{d:.2f} pp'}" for n, d in drops.items()]
    said += [f"{name}: {text}" for name, text in problems.items() if name in routes]
    is_float = target.split("-")[-1] in FLOAT
    bar = MOST_FLOAT if is_float else MOST_INT8 if target.endswith("-int8") else None
    figures = [] if "problem" in own else [
        f"score {own['score']:.4f} of {results['source']:.4f}",
        f"SQNR {own['sqnr_db']:.1f} dB",
        f"agreement {own['agreement']:.4f}",
        own["candidate"],
    ]  # fmt: skip
    return Row(
        what=f"{pair} {target}",
        unit="pp",
        edgekit=own.get("drop_pp"),
        peer=best,
        peer_name=next((n for n, d in drops.items() if d == best), "") if best is not None else "",
        bar=bar,
        bar_on="figure",
        note=", ".join(filter(None, [*figures, *said])),
        problem=own.get("problem", ""),
    )
