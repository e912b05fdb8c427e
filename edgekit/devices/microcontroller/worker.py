"""Runs in a process of its own: TensorFlow Lite Micro, asked how it takes a file.

A Job as JSON on stdin, an Answer as JSON on stdout. What the runtime prints goes to the job's log.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edgekit.devices.microcontroller.arena import planned, smallest
from edgekit.devices.microcontroller.job import Answer, Job
from edgekit.extras import load
from edgekit.formats import tflite
from edgekit.npz import load_arrays, save_arrays
from edgekit.runtimes import feed
from edgekit.runtimes.feed import to_real
from edgekit.spawn import answering

_RUNTIME = "tflite_micro.python.tflite_micro.runtime"
_SPARE = 4 << 20
_MOST = 1 << 31
_NO_KERNEL = "Failed to get registration from op code"
_NO_ROOM = "missing:"


def main() -> int:
    """Answer one job."""
    with answering() as out:
        job = Job.decode(sys.stdin.buffer.read())
        out.write(msgspec.json.encode(work(job, Log(job.log))))
    return 0


class Log:
    """Takes what is printed to file descriptors 1 and 2, and gives it back piece by piece."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        for descriptor in (1, 2):
            os.dup2(self._file.fileno(), descriptor)
        self._read = 0

    def lines(self) -> list[str]:
        """Return the lines since the last call that say anything."""
        size = os.fstat(self._file.fileno()).st_size
        text = os.pread(self._file.fileno(), size - self._read, self._read)
        self._read = size
        return [line.strip() for line in text.decode(errors="replace").splitlines() if line.strip()]


@dataclass(frozen=True)
class Loader:
    """Loads one file into arenas of different sizes; ``load`` gives None where it is refused."""

    runtime: Any
    content: bytes
    log: Log

    def load(self, arena_bytes: int) -> Any | None:
        """Return an interpreter, or None."""
        try:
            return self.runtime.Interpreter.from_bytes(self.content, arena_size=arena_bytes)
        except (RuntimeError, ValueError, MemoryError):
            return None

    def fits(self, arena_bytes: int) -> bool:
        """Whether the file can be loaded."""
        return self.load(arena_bytes) is not None

    def survives(self, arena_bytes: int) -> bool:
        """Whether the file can be loaded; tried in a process apart.

        In an arena that is too small for it, TensorFlow Lite Micro writes where there is nothing.
        """
        tried = os.fork()
        if tried == 0:
            os._exit(0 if self.fits(arena_bytes) else 1)
        return os.waitpid(tried, 0)[1] == 0


def work(job: Job, log: Log) -> Answer:
    """Find the smallest arena, if that is asked for, and run the samples."""
    content = job.artifact.path.read_bytes()
    loader = Loader(importlib.import_module(_RUNTIME), content, log)
    version = importlib.metadata.version("tflite-micro")
    ample, lines = _ample(loader)
    if ample is None:
        missing = _without_kernel(loader) if any(_NO_KERNEL in line for line in lines) else ()
        return Answer(version=version, refusal=tuple(lines), unsupported=tuple(missing))
    arena, tensors = ample, None
    if job.search:
        total, tensors = _planned(loader, ample)
        arena = smallest(loader.survives, most=ample, guess=total)
    log.lines()
    try:
        _run(job, loader.load(arena))
    except (RuntimeError, ValueError) as error:
        told = (*log.lines(), str(error))
        return Answer(version=version, arena_bytes=arena, tensor_bytes=tensors, refusal=told)
    return Answer(version=version, arena_bytes=arena, tensor_bytes=tensors)


def _ample(loader: Loader) -> tuple[int | None, list[str]]:
    """Return an arena that is large enough, or None and why the file is refused."""
    size = _SPARE + 4 * len(loader.content)
    while True:
        loader.log.lines()
        if loader.fits(size):
            return size, []
        lines = loader.log.lines()
        if not any(_NO_ROOM in line for line in lines) or 2 * size > _MOST:
            return None, lines
        size *= 2


def _planned(loader: Loader, arena_bytes: int) -> tuple[int | None, int | None]:
    loader.log.lines()
    interpreter = loader.load(arena_bytes)
    if interpreter is not None:
        interpreter.print_allocations()
    return planned(loader.log.lines())


def _run(job: Job, interpreter: Any) -> None:
    inputs, outputs = job.artifact.inputs, job.artifact.outputs

    def call(stored: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        interpreter.reset()
        for place, spec in enumerate(inputs):
            interpreter.set_input(np.ascontiguousarray(stored[spec.name]), place)
        interpreter.invoke()
        found = {spec.name: interpreter.get_output(at) for at, spec in enumerate(outputs)}
        return {spec.name: to_real(found[spec.name], spec) for spec in outputs}

    save_arrays(job.outputs, feed.run_batches(inputs, load_arrays(job.samples), call))


def _without_kernel(loader: Loader) -> list[str]:
    """Return the kinds of operators that have no kernel: each is tried in a file of its own."""
    found = []
    for kind, content in _one_by_one(loader.content):
        loader.log.lines()
        fits = Loader(loader.runtime, content, loader.log).fits(_SPARE + 4 * len(content))
        if not fits and any(_NO_KERNEL in line for line in loader.log.lines()):
            found.append(kind)
    return found


def _one_by_one(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Give, for each kind of operator of a file, a file whose only operator is of that kind."""
    model = tflite.parse(content)
    graphs, seen = model.subgraphs, set[int]()
    for graph in graphs:
        operators = graph.operators
        for operator in operators:
            if operator.opcodeIndex not in seen:
                seen.add(operator.opcodeIndex)
                model.subgraphs, graph.operators = [graph], [operator]
                yield _kind(model, operator), tflite.pack(model)
        graph.operators = operators


def _kind(model: Any, operator: Any) -> str:
    """Return an operator's name, as ``edgekit.auditing`` calls it."""
    schema = load("ai_edge_litert.schema_py_generated")

    code = model.operatorCodes[operator.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == schema.BuiltinOperator.CUSTOM:
        return str((code.customCode or b"CUSTOM").decode(errors="replace"))
    names = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    return str(names.get(number, f"BUILTIN_{number}"))
