"""Every architecture of keras.applications, to every float and int8 target.

    python -m benchmarks applications --only MobileNet --targets onnx-fp32,tflite-int8

One child process an architecture keeps memory bounded. A row each: SQNR of the float files against
Keras (bar: at least 90 dB), and of the int8 files (made, and every promise kept).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.processes import ROOT, TIMEOUT_S, environment, last_error
from benchmarks.rows import Row

FLOAT = ("tflite-fp32", "openvino-fp32", "onnx-fp32")
INT8 = ("tflite-int8", "openvino-int8", "onnx-int8")
TARGETS = (*FLOAT, *INT8)
MIN_FLOAT_DB = 90.0


def rows(
    only: Sequence[str] = (), targets: Sequence[str] = TARGETS, *, input_side: int = 0
) -> Iterator[Row]:
    """Yield a row for each architecture and target, as they are done.

    ``only`` holds full names, or parts of names where no name is equal. ``input_side`` of 0 is
    the smallest that the architecture allows.
    """
    from benchmarks.models import architectures

    for name in chosen(architectures(), only):
        yield from _one(name, targets, input_side)


def chosen(names: Sequence[str], only: Sequence[str]) -> list[str]:
    """Return the names that are asked for: equal ones, or else those that contain a part."""
    picked: list[str] = []
    for part in only:
        picked += [n for n in names if n == part] or [n for n in names if part.lower() in n.lower()]
    return list(dict.fromkeys(picked)) if only else list(names)


def _one(name: str, targets: Sequence[str], input_side: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder:
        job = {"name": name, "targets": list(targets), "folder": folder, "side": input_side}
        command = [sys.executable, "-m", "benchmarks.application", json.dumps(job)]
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                capture_output=True,
                timeout=TIMEOUT_S,
                check=False,
                env=environment(),
            )
            results, problem = _results(Path(folder)), f"the process ended with {done.returncode}"
            if last := last_error(done.stderr.decode(errors="replace")):
                problem += f": {last}"
        except subprocess.TimeoutExpired:
            results, problem = _results(Path(folder)), f"no end after {TIMEOUT_S:g} s"
    return [_row(name, target, results.get(target, {"problem": problem})) for target in targets]


def _results(folder: Path) -> dict[str, dict[str, object]]:
    found = {}
    for path in folder.glob("result-*.json"):
        plain = json.loads(path.read_text(encoding="utf-8"))
        found[plain["target"]] = plain
    return found


def _row(name: str, target: str, result: dict[str, object]) -> Row:
    sqnr = result.get("sqnr_db")
    is_float = target.endswith("fp32")
    return Row(
        what=f"{name} {target}",
        unit="dB",
        edgekit=float(sqnr) if isinstance(sqnr, (int, float)) else None,
        bar=MIN_FLOAT_DB if is_float else 0.0,
        bar_on="figure",
        at_least=True,
        note=str(result.get("note", "")),
        problem=str(result.get("problem", "")),
    )
