"""Runs a job in a process of its own, where Keras computes with TensorFlow.

A process has one Keras backend. Where it is JAX or torch, the model goes over as a ``.keras``
file, arrays as ``.npz``, and the reports come back from the folders that were written.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from edgekit import errors
from edgekit.errors import EdgekitError, OptionError, SourceError, one_line
from edgekit.files import scratch
from edgekit.npz import load_arrays, save_arrays
from edgekit.pipeline.options import Options, from_plain
from edgekit.pipeline.plan import as_recipe
from edgekit.quiet import quiet
from edgekit.source import importable, load, save_object
from edgekit.spawn import python
from edgekit.startup import this_process_is_ours
from edgekit.table import build
from edgekit.target import Target

Answer = dict[str, Any]


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
    job = {"targets": [asdict(target) for target in targets], "out": str(out), "keep": keep}
    data = {
        "calibration": options.calibration,
        "evaluation": options.evaluation,
        "train": options.train,
    }
    recipe = as_recipe(options.recipe)
    bare = replace(options, calibration=None, evaluation=None, train=None, recipe=recipe)
    answer = ask_child(f"{__name__}:main", given, data, bare, job)
    failures = [(f["target"], _error(f["error"], f["text"])) for f in answer["failures"]]
    return [Path(folder) for folder in answer["folders"]], failures


def ask_child(
    task: str, given: Any, data: Mapping[str, Any], options: Options, job: Mapping[str, Any]
) -> Answer:
    """Let a process whose Keras runs on TensorFlow do a job, and return its answer.

    Args:
        task: ``module:function``, which calls ``serve``.
        given: The source model: a path, or an object, which goes over as a file.
        data: Samples by name, in any form but code of this process.
        options: Without data.
        job: Everything else, as JSON can hold it.

    Raises:
        OptionError: data are code of this process, which cannot go over.
        EdgekitError: what the child raised.
    """
    with scratch() as place:
        is_object = not isinstance(given, (str, Path))
        objects = importable(given, options.custom_objects) if is_object else None
        files = {name: _as_file(value, place / f"{name}.npz") for name, value in data.items()}
        whole = {
            **job,
            "model": str(save_object(given, place) if is_object else given),
            "objects": objects,
            "data": files,
            "options": asdict(options),
        }
        done = subprocess.run(
            python(task),
            input=json.dumps(whole),
            capture_output=True,
            text=True,
            env={**os.environ, "KERAS_BACKEND": "tensorflow"},
            check=False,
        )
    return _answer(done)


def _answer(done: subprocess.CompletedProcess[str]) -> Answer:
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        failed = EdgekitError(f"the process that runs on TensorFlow {_cause(done)}")
        failed.add_note(done.stderr.strip())
        raise failed
    answer: Answer = json.loads(lines[-1])
    if "error" in answer:
        raise _error(answer["error"], answer["text"])
    return answer


def _cause(done: subprocess.CompletedProcess[str]) -> str:
    """Return what ended a child: a signal, or the exception that its traceback ends in."""
    if done.returncode < 0:
        name = signal.strsignal(-done.returncode) or f"signal {-done.returncode}"
        return f"was ended: {name}; is there enough memory?"
    _, _, trace = done.stderr.rpartition("Traceback (most recent call last):")
    raised = (line for line in trace.splitlines() if line and not line.startswith(" "))
    return f"failed: {next(raised, 'no message')}"


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
        raise OptionError(
            f"Keras runs on {foreign_backend()} here, so the model is converted in another "
            f"process, where these data cannot go: {one_line(error)}; give arrays of one shape, a "
            "file or module:function"
        ) from error
    if any(array.dtype == object for array in plain.values()):
        raise OptionError(
            f"Keras runs on {foreign_backend()} here, so the model is converted in another "
            "process: give data as arrays, a file or module:function, not as a callable"
        )
    save_arrays(path, plain)
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
    if sent is None or "text" in sent:
        return sent and sent["text"]
    parts: dict[str, dict[str, Any]] = {"x": {}, "y": {}}
    for name, array in load_arrays(Path(sent["arrays"])).items():
        kind, _, own = name.partition(" ")
        parts[kind][own] = array
    inputs, labels = (_unnamed(part) for part in (parts["x"], parts["y"]))
    return (inputs, labels) if parts["y"] else inputs


def _unnamed(part: Mapping[str, Any]) -> Any:
    """Undo ``_named``."""
    if "" in part:
        return part[""]
    return list(part.values()) if "[0]" in part else part


def serve(work: Callable[[Mapping[str, Any], Any, Mapping[str, Any], Options], Answer]) -> None:
    """Do the job on stdin; print the answer as the last line of stdout.

    Args:
        work: Takes the job, the source model, data by name and options; returns the answer.
    """
    this_process_is_ours()
    job = json.load(sys.stdin)
    try:
        with quiet():
            data = {name: _opened(sent) for name, sent in job["data"].items()}
            options = from_plain(job["options"], where="options")
            answer = work(job, _source(job, options), data, options)
    except EdgekitError as error:
        answer = {"error": type(error).__name__, "text": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")


def _source(job: Mapping[str, Any], options: Options) -> Any:
    """Return the path that was given, or the object; its code is that of the asking process."""
    path, objects = job["model"], job["objects"]
    if objects is None:
        return path
    try:
        return load(path, custom_objects=(*options.custom_objects, *objects), allow_code=True).model
    except SourceError as error:
        text = str(error).removeprefix(f"{path}: ")
        raise SourceError(
            f"the model {Path(path).stem!r} cannot go over to a process on TensorFlow: {text}"
        ) from error


def main() -> None:
    """Convert, as ``convert_in_child`` asks."""
    serve(_convert)


def _convert(
    job: Mapping[str, Any], given: Any, data: Mapping[str, Any], options: Options
) -> Answer:
    from edgekit.pipeline.convert import run

    targets = tuple(build(target, Target, where="target") for target in job["targets"])
    result = run(given, targets, Path(job["out"]), replace(options, **data), keep=job["keep"])
    return {
        "folders": [str(folder) for folder in result.folders],
        "failures": [
            {"target": f.target, "error": type(f.error).__name__, "text": str(f.error)}
            for f in result.failures
        ],
    }
