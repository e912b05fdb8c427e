"""Audits any exported file."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

from edgekit.auditing.packed import gzip_bytes
from edgekit.auditing.program import Program
from edgekit.auditing.result import AuditResult
from edgekit.auditing.summary import summarize
from edgekit.errors import ArtifactError

_READERS = {
    ".tflite": "edgekit.auditing.tflite",
    ".lite": "edgekit.auditing.tflite",
    ".xml": "edgekit.auditing.openvino",
    ".onnx": "edgekit.auditing.onnx",
}


def audit(path: str | Path, *, packed: bool = True) -> AuditResult:
    """Read the facts about an artifact from its own bytes; nothing in it is run.

    Takes a ``.tflite``, an OpenVINO ``.xml`` with its ``.bin``, an ``.onnx``, or a folder that
    holds exactly one of them; also files that edgekit did not make.

    Args:
        path: The file or folder.
        packed: Whether to tell what gzip makes of it, which takes longer than all the rest.

    Raises:
        ArtifactError: there is no such file, or it is not a whole, sound file of its format.
        MissingExtra: the package that carries the format's schema is not installed.
    """
    return audit_with_edges(path, packed=packed)[0]


def audit_with_edges(
    path: str | Path, *, packed: bool = True
) -> tuple[AuditResult, tuple[tuple[int, int], ...]]:
    """Read the same facts, and which operator reads what which other one gives.

    Edges are pairs of ``Operator.index``, the giving one first, each once, sorted; those between
    operators of different graphs, as of a loop and its body, are left out.

    Args:
        path: See ``audit``.
        packed: See ``audit``.

    Raises:
        ArtifactError, MissingExtra: see ``audit``.
    """
    file = locate(Path(path))
    with _refusing(file):
        program = _read(file)
        found = summarize(file, program)
        found = replace(found, gzip_bytes=_compressed(file, found)) if packed else found
        return found, _edges(program)


def read_program(path: str | Path) -> tuple[Path, Program, AuditResult]:
    """Return the file that a path stands for, its program, and what an audit says of it.

    The audit leaves out what gzip makes of the file.

    Raises:
        ArtifactError, MissingExtra: as ``audit``.
    """
    file = locate(Path(path))
    with _refusing(file):
        program = _read(file)
        return file, program, summarize(file, program)


def _read(file: Path) -> Program:
    module = importlib.import_module(_READERS[file.suffix.lower()])
    return cast("Program", module.read(file))


@contextlib.contextmanager
def _refusing(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArtifactError(f"{file}: cannot be read: {error.strerror or error}") from error
    except (RecursionError, MemoryError) as error:
        raise ArtifactError(f"{file}: nested or sized beyond reason; export it again") from error


def _edges(program: Program) -> tuple[tuple[int, int], ...]:
    makers = {key: at for at, node in enumerate(program.nodes) for key in node.outputs}
    found = {
        (makers[key], at)
        for at, node in enumerate(program.nodes)
        for key in node.inputs
        if key in makers and program.nodes[makers[key]].graph == node.graph
    }
    return tuple(sorted(found))


def _compressed(file: Path, found: AuditResult) -> int | None:
    files = [file, file.with_suffix(".bin")] if found.format == "openvino" else [file]
    there = sum(each.stat().st_size for each in files if each.is_file())
    return gzip_bytes(files) if there == found.file_bytes else None


def locate(path: Path) -> Path:
    """Return the model file that a path stands for; of a folder the only one in it.

    Raises:
        ArtifactError: there is none, or none of a kind that is known.
    """
    known = ", ".join(sorted(set(_READERS)))
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix.lower() in _READERS)
        if len(found) != 1:
            raise ArtifactError(
                f"{path}: expected a folder with one of {known}, found {len(found)}; name the file"
            )
        return locate(found[0])
    if not os.path.lexists(path):
        raise ArtifactError(f"{path}: no such file; expected one of {known}")
    if not path.is_file():
        raise ArtifactError(f"{path}: not a regular file; expected one of {known}")
    if path.suffix.lower() not in _READERS:
        raise ArtifactError(f"{path}: unknown kind {path.suffix!r}; expected one of {known}")
    return path
