"""Runs in a process of its own: writes an ONNX file as C.

The file's path is the argument, ``net.c`` in the current folder the result, an Answer the output.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import io
from pathlib import Path
from typing import Any

from edgekit.devices.firmware import graph
from edgekit.devices.firmware.job import C_FILE, Answer
from edgekit.devices.provision.packages import last_line
from edgekit.errors import ArtifactError, one_line
from edgekit.spawn import answering

_PLAIN = "net.onnx"


def main(path: str) -> int:
    """Answer one job."""
    with answering() as out:
        out.write(work(Path(path)).encode())
    return 0


def work(path: Path) -> Answer:
    """Fix shapes, bring quantizing operators together, and write C."""
    version = importlib.metadata.version("emx-onnx-cgen")
    try:
        model, fused = graph.in_integers(graph.fixed(path), Path("fused.onnx"))
        graph.tell_shapes(model)
        in_float = graph.left_in_float(model) if graph.is_quantized(model) else ()
        graph.forget_names(model)
    except ArtifactError as error:
        return Answer(version=version, refusal=str(error))
    Path(_PLAIN).write_bytes(model.SerializeToString())
    refusal = _write_c()
    return Answer(version=version, refusal=refusal, fused=fused, in_float=in_float)


def _write_c() -> str:
    """Call the generator; return why it refuses, on one line."""
    cli: Any = importlib.import_module("emx_onnx_cgen.cli")
    errors: Any = importlib.import_module("emx_onnx_cgen.errors")
    words = ["compile", _PLAIN, C_FILE, "--model-name", "net", "--color", "never"]
    # Everything on the stack, where it can be measured, and all weights in the source.
    words += ["--large-temp-threshold", "0", "--large-weight-threshold", "0"]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = cli.main(words)
    except (errors.CompilerError, ValueError, KeyError, TypeError, NotImplementedError) as error:
        return one_line(error)[:300] or type(error).__name__
    except SystemExit as error:
        code = error.code
    if code or not Path(C_FILE).is_file():
        return last_line(said.getvalue()).removeprefix("Result: ")
    return ""
