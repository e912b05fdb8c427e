"""Runs a conversion in a process of its own, where Keras computes with TensorFlow.

A process has one Keras backend. Where it is JAX or torch, the model goes over as a ``.keras``
file, arrays as ``.npz``, and the reports come back from the folders that were written.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from edgekit import errors
from edgekit.calibrate.preprocessing import PictureOptions
from edgekit.errors import EdgekitError, OptionError
from edgekit.files import scratch
from edgekit.pipeline.options import Options
from edgekit.source import save_object
from edgekit.table import build
from edgekit.target import Target

_CODE = "from edgekit.pipeline.child import main; main()"


def foreign_backend() -> str | None:
    """Return this process's Keras backend if it is not TensorFlow."""
    keras = sys.modules.get("keras")
    name = keras.backend.backend() if keras else os.environ.get("KERAS_BACKEND", "tensorflow")
    return None if name == "tensorflow" else str(name)


def convert_in_child(
    given: Any, targets: tuple[Target, ...], out: Path, options: Options, *, keep: bool
) -> tuple[list[Path], list[tuple[str, EdgekitError]]]:
    """Convert in a child process; return the folders that it wrote, and the targets that failed.

    Raises:
        OptionError: data are code of this process, which cannot go over.
        EdgekitError: what the child raised.
    """
    with scratch() as place:
        model = given if isinstance(given, (str, Path)) else save_object(given, place)
        sent = replace(
            options,
            calibration=_as_file(options.calibration, place / "calibration.npz", model),
            evaluation=_as_file(options.evaluation, place / "evaluation.npz", model),
        )
        job = {
            "model": str(model),
            "targets": [asdict(target) for target in targets],
            "out": str(out),
            "options": asdict(sent),
            "keep": keep,
        }
        done = subprocess.run(
            [sys.executable, "-c", _CODE],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "KERAS_BACKEND": "tensorflow",
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            check=False,
        )
    return _answer(done)


def _answer(
    done: subprocess.CompletedProcess[str],
) -> tuple[list[Path], list[tuple[str, EdgekitError]]]:
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        tail = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise EdgekitError(f"the conversion's own process failed: {tail}")
    answer = json.loads(lines[-1])
    if "error" in answer:
        raise _error(answer["error"], answer["text"])
    failures = [(f["target"], _error(f["error"], f["text"])) for f in answer["failures"]]
    return [Path(folder) for folder in answer["folders"]], failures


def _error(name: str, text: str) -> EdgekitError:
    kind = getattr(errors, name, EdgekitError)
    error: EdgekitError = EdgekitError.__new__(kind)
    error.args = (text,)
    return error


def _as_file(data: Any, path: Path, model: Any) -> str | None:
    """Return data as something that another process can open."""
    import numpy as np

    if data is None:
        return None
    if isinstance(data, (str, Path)):
        return str(data)
    inputs, labels = data if isinstance(data, tuple) and len(data) == 2 else (data, None)
    arrays = dict(inputs) if isinstance(inputs, Mapping) else {"x": inputs}
    if labels is not None:
        arrays["y"] = labels
    try:
        plain = {name: np.asarray(array) for name, array in arrays.items()}
    except (TypeError, ValueError) as error:
        raise OptionError(f"data cannot go over to another process: {error}") from error
    if any(array.dtype == object for array in plain.values()):
        raise OptionError(
            f"Keras runs on {foreign_backend()} here, so {model} is converted in another process: "
            "give data as arrays, a file or module:function, not as a callable"
        )
    np.savez(path, **plain)  # type: ignore[arg-type]
    return str(path)


def main() -> None:
    """Do the job on stdin; print the answer as the last line of stdout."""
    from edgekit.pipeline.convert import run

    job = json.load(sys.stdin)
    plain = job["options"]
    if plain["pictures"] is not None:
        plain["pictures"] = build(plain["pictures"], PictureOptions, where="pictures")
    plain["input_shapes"] = {name: tuple(s) for name, s in plain["input_shapes"].items()}
    plain["custom_objects"] = tuple(plain["custom_objects"])
    targets = tuple(build(target, Target, where="target") for target in job["targets"])
    answer: dict[str, Any]
    try:
        result = run(job["model"], targets, Path(job["out"]), Options(**plain), keep=job["keep"])
        answer = {
            "folders": [str(folder) for folder in result.folders],
            "failures": [
                {"target": f.target, "error": type(f.error).__name__, "text": str(f.error)}
                for f in result.failures
            ],
        }
    except EdgekitError as error:
        answer = {"error": type(error).__name__, "text": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
