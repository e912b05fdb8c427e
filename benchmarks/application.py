"""The child process of ``applications``: builds one architecture and converts it to each target."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.converting import convert_each

CALIBRATION = 64


def main(text: str) -> None:
    """Do a job; a file ``result-<target>.json`` appears in its folder for each target."""
    job = json.loads(text)
    folder = Path(job["folder"])
    os.environ["EDGEKIT_CACHE"] = str(folder / "cache")
    from edgekit.quiet import quiet

    with quiet():
        path, data = _write(job["name"], folder, job["side"])
        for target, facts in convert_each(path, data, job["targets"], folder / "out"):
            _note(folder, target, facts)


def _write(name: str, folder: Path, side: int) -> tuple[Path, Any]:
    from benchmarks.models import build, pictures

    options: dict[str, Any] = {"input_shape": (side, side, 3)} if side else {}
    model = build(name, **options)
    path = folder / f"{name}.keras"
    model.save(path)
    return path, pictures(model, CALIBRATION, seed=1)


def _note(folder: Path, target: str, facts: dict[str, Any]) -> None:
    text = json.dumps({"target": target, **facts})
    (folder / f"result-{target}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
