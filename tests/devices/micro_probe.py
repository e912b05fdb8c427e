"""Runs where tflite-micro can be imported: what it takes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from edgekit.devices import known_model
from edgekit.formats import tflite

NO_KERNEL = b"Didn't find op for builtin opcode"


def fits(path: str, arena_bytes: str) -> int:
    """Return 0 if it can be, 3 if TensorFlow Lite Micro refuses."""
    from tflite_micro.python.tflite_micro import runtime

    try:
        runtime.Interpreter.from_bytes(Path(path).read_bytes(), arena_size=int(arena_bytes))
    except RuntimeError:
        return 3
    return 0


def kernels() -> int:
    """Write to ``kernels.txt`` whether each operator of the schema has a kernel."""
    from ai_edge_litert import schema_py_generated as schema
    from tflite_micro.python.tflite_micro import runtime

    log = Path("log.txt").open("w+b", buffering=0)  # noqa: SIM115
    for descriptor in (1, 2):
        os.dup2(log.fileno(), descriptor)
    codes = {k: v for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    with Path("kernels.txt").open("w") as found:
        for kind, code in codes.items():
            if kind in ("CUSTOM", "DELEGATE"):
                continue
            began = os.fstat(log.fileno()).st_size
            _load_apart(runtime, _only(code))
            known = NO_KERNEL not in os.pread(log.fileno(), 1 << 16, began)
            found.write(f"{kind} {'known' if known else 'unknown'}\n")
    return 0


def _only(code: int) -> bytes:
    """Return a file whose one operator has a code, and neither inputs nor outputs."""
    model = tflite.parse(known_model.content())
    graph = model.subgraphs[0]
    operator = graph.operators[0]
    operator.inputs = operator.outputs = []
    operator.builtinOptions, operator.builtinOptionsType = None, 0
    own = model.operatorCodes[operator.opcodeIndex]
    own.builtinCode, own.deprecatedBuiltinCode = code, min(code, 127)
    graph.operators = [operator]
    return tflite.pack(model)


def _load_apart(runtime: Any, content: bytes) -> None:
    """Load a file in a process apart: operators without inputs may crash the library."""
    child = os.fork()
    if child == 0:
        try:
            runtime.Interpreter.from_bytes(content, arena_size=1 << 20)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
