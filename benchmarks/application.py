"""The child process of ``applications``: builds one architecture and converts it to each target."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CALIBRATION = 64


def main(text: str) -> None:
    """Do a job; a file ``result-<target>.json`` appears in its folder for each target."""
    job = json.loads(text)
    folder = Path(job["folder"])
    os.environ["EDGEKIT_CACHE"] = str(folder / "cache")
    from edgekit.quiet import quiet

    with quiet():
        path, data = _write(job["name"], folder, job["side"])
        _convert(path, data, job["targets"], folder)


def _write(name: str, folder: Path, side: int) -> tuple[Path, Any]:
    from benchmarks.models import build, pictures

    model = build(name, **({"input_shape": (side, side, 3)} if side else {}))
    path = folder / f"{name}.keras"
    model.save(path)
    return path, pictures(model, CALIBRATION, seed=1)


def _convert(path: Path, data: Any, targets: Sequence[str], folder: Path) -> None:
    """Convert to all targets in one go; where one fails, go on with the rest."""
    import edgekit
    from edgekit.errors import EdgekitError

    left, options = list(targets), edgekit.Options(measure=False)
    out = folder / "out"
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
        for target in list(left):
            report = out / path.stem / target / "report.json"
            if not report.is_file():
                break
            left.remove(target)
            _note(folder, target, _figures(json.loads(report.read_bytes()), seconds))
        else:
            return
        _note(folder, left.pop(0), {"problem": problem})


def _figures(report: dict[str, Any], seconds: float) -> dict[str, Any]:
    candidates = [c["name"] for c in report["candidates"] if c["chosen"]]
    broken = "; ".join(report["broken_promises"])
    return {
        "sqnr_db": report["parity_sqnr_db"],
        "note": ", ".join([*candidates, f"{seconds:.0f} s in all"]),
        "problem": f"broken promise: {broken}" if broken else "",
    }


def _note(folder: Path, target: str, facts: dict[str, Any]) -> None:
    text = json.dumps({"target": target, **facts})
    (folder / f"result-{target}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
