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
from edgekit.errors import EdgekitError, OptionError
from edgekit.files import scratch
from edgekit.pipeline.options import Options, from_plain
from edgekit.quiet import quiet
from edgekit.source import load, save_object
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
        is_object = not isinstance(given, (str, Path))
        data = {
            name: _as_file(getattr(options, name), place / f"{name}.npz")
            for name in ("calibration", "evaluation")
        }
        job = {
            "model": str(save_object(given, place) if is_object else given),
            "is_object": is_object,
            "targets": [asdict(target) for target in targets],
            "out": str(out),
            "options": asdict(replace(options, calibration=None, evaluation=None)),
            "data": data,
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


def _as_file(data: Any, path: Path) -> dict[str, str] | None:
    """Say how another process can open data: by the text that was given, or from a file.

    Raises:
        OptionError: they are code of this process, or no arrays.
    """
    import numpy as np

    if data is None:
        return None
    if isinstance(data, (str, Path)):
        return {"text": str(data)}
    inputs, labels = data if isinstance(data, tuple) and len(data) == 2 else (data, None)
    arrays = {f"x {name}": rows for name, rows in _named(inputs).items()}
    if labels is not None:
        arrays |= {f"y {name}": rows for name, rows in _named(labels).items()}
    try:
        plain = {name: np.asarray(array) for name, array in arrays.items()}
    except (TypeError, ValueError) as error:
        raise OptionError(f"data cannot go over to another process: {error}") from error
    if any(array.dtype == object for array in plain.values()):
        raise OptionError(
            f"Keras runs on {foreign_backend()} here, so the model is converted in another "
            "process: give data as arrays, a file or module:function, not as a callable"
        )
    # Positions, not names: an input's name need not be one that a zip can hold.
    columns: dict[str, Any] = {f"a{place}": array for place, array in enumerate(plain.values())}
    np.savez(path, names=np.array(list(plain)), **columns)
    return {"arrays": str(path)}


def _named(data: Any) -> dict[str, Any]:
    """Return arrays by name: of a list by place, of a single array by the empty name."""
    if isinstance(data, Mapping):
        return {str(name): rows for name, rows in data.items()}
    if isinstance(data, list) and data and all(hasattr(rows, "shape") for rows in data):
        return {f"[{place}]": rows for place, rows in enumerate(data)}
    return {"": data}


def _opened(sent: Mapping[str, str] | None) -> Any:
    """Return what ``_as_file`` was given."""
    import numpy as np

    if sent is None or "text" in sent:
        return sent and sent["text"]
    parts: dict[str, dict[str, Any]] = {"x": {}, "y": {}}
    with np.load(sent["arrays"], allow_pickle=False) as arrays:
        for place, name in enumerate(arrays["names"]):
            kind, _, own = str(name).partition(" ")
            parts[kind][own] = arrays[f"a{place}"]
    inputs, labels = (_unnamed(part) for part in (parts["x"], parts["y"]))
    return (inputs, labels) if parts["y"] else inputs


def _unnamed(part: Mapping[str, Any]) -> Any:
    """Undo ``_named``."""
    if "" in part:
        return part[""]
    return list(part.values()) if "[0]" in part else part


def _source(job: Mapping[str, Any], options: Options) -> Any:
    """Return the path that was given, or the object; its code is that of the asking process."""
    if not job["is_object"]:
        return job["model"]
    return load(job["model"], custom_objects=options.custom_objects, allow_code=True).model


def main() -> None:
    """Do the job on stdin; print the answer as the last line of stdout."""
    from edgekit.pipeline.convert import run

    job = json.load(sys.stdin)
    targets = tuple(build(target, Target, where="target") for target in job["targets"])
    data = {name: _opened(sent) for name, sent in job["data"].items()}
    answer: dict[str, Any]
    try:
        with quiet():
            options = replace(from_plain(job["options"], where="options"), **data)
            given = _source(job, options)
            result = run(given, targets, Path(job["out"]), options, keep=job["keep"])
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
