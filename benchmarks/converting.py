"""Converts a model to each of many targets; what fails does not keep the others from being made."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

SUFFIXES = (".tflite", ".xml", ".onnx")


def convert_each(
    path: Path, data: Any, targets: Sequence[str], out: Path
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each target with its figures, or with the ``problem``.

    All targets that are left go into one command, so that they share load, trace and calibration.
    ``EDGEKIT_BENCH_RAISE`` in the environment lets a bug through with its traceback.
    """
    import edgekit
    from edgekit.errors import EdgekitError

    left, options = list(targets), edgekit.Options(measure=False)
    while left:
        began = time.perf_counter()
        problem = ""
        try:
            edgekit.convert(path, left, out=out, calibration=data, options=options)
        except EdgekitError as error:
            problem = f"{type(error).__name__}: {error}"
        except Exception as error:
            problem = f"bug, {type(error).__name__}: {str(error)[:300]}"
            if os.environ.get("EDGEKIT_BENCH_RAISE"):
                raise
        seconds = time.perf_counter() - began
        done = [t for t in left if (out / path.stem / t / "report.json").is_file()]
        for target in done:
            yield target, _figures(out / path.stem / target, seconds)
        left = [target for target in left if target not in done]
        if left:
            failed = next((t for t in left if problem.find(t) >= 0), left[0])
            left.remove(failed)
            yield failed, {"problem": problem or "no report was written"}


def _figures(folder: Path, seconds: float) -> dict[str, Any]:
    report = json.loads((folder / "report.json").read_bytes())
    candidate = ", ".join(c["name"] for c in report["candidates"] if c["chosen"])
    file = next(name for name in report["artifact"]["files"] if Path(name).suffix in SUFFIXES)
    facts = {
        "file": str(folder / file),
        "sqnr_db": report["parity_sqnr_db"],
        "candidate": candidate,
        "note": ", ".join(filter(None, [candidate, f"{seconds:.0f} s in all"])),
    }
    if broken := "; ".join(report["broken_promises"]):
        facts["problem"] = f"broken promise: {broken}"
    return facts
