"""A TFLite file as C: an aligned array, and what a program has to know of it, as constants."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.artifact import TensorSpec

ALIGNMENT = 16
_A_LINE = 12


@dataclass(frozen=True, kw_only=True)
class CSource:
    """Two files: ``header`` declares, ``source`` defines; ``name`` is what they are called."""

    name: str
    header: str
    source: str


def c_source(
    content: bytes,
    *,
    name: str,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    arena_bytes: int,
) -> CSource:
    """Write a file as C99 that is C++11 too; the same arguments give the same text.

    The array is aligned to 16 bytes. Every name begins with the model's.

    Args:
        content: The TFLite file.
        name: Of the model; it is turned into an identifier.
        inputs: What the file takes.
        outputs: What the file gives.
        arena_bytes: That TensorFlow Lite Micro needs at most.
    """
    plain = identifier(name)
    return CSource(
        name=plain,
        header=_header(plain, content, (inputs, outputs), arena_bytes),
        source="\n".join(_source(plain, content)) + "\n",
    )


def identifier(name: str) -> str:
    """Return a C identifier for a name: lower case, letters, digits and single underscores."""
    found = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "model"
    return f"model_{found}" if found[0].isdigit() else found


def _header(
    name: str,
    content: bytes,
    ends: tuple[Sequence[TensorSpec], Sequence[TensorSpec]],
    arena_bytes: int,
) -> str:
    upper = name.upper()
    lines = [
        f"/* Made by edgekit from a TFLite file, SHA-256 {hashlib.sha256(content).hexdigest()}. */",
        f"#ifndef EDGEKIT_{upper}_H",
        f"#define EDGEKIT_{upper}_H",
        "",
        "#include <stdint.h>",
        "",
        "/* What TensorFlow Lite Micro needs at most, in bytes; align it to 16. */",
        f"#define {upper}_ARENA_BYTES {arena_bytes}",
        f"#define {upper}_MODEL_BYTES {len(content)}",
        "",
        "/* Of quantized tensors: real = SCALE * (stored - ZERO_POINT). */",
    ]
    for end, specs in zip(("INPUT", "OUTPUT"), ends, strict=True):
        lines.append(f"#define {upper}_{end}S {len(specs)}")
        for place, spec in enumerate(specs):
            lines += _tensor(f"{upper}_{end}_{place}", spec)
    lines += [
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        f"extern const uint8_t {name}_model[{upper}_MODEL_BYTES];",
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "",
        f"#endif /* EDGEKIT_{upper}_H */",
    ]
    return "\n".join(lines) + "\n"


def _tensor(name: str, spec: TensorSpec) -> Iterator[str]:
    shape = [size or 1 for size in spec.shape]
    shown = "x".join(map(str, shape)) or "scalar"
    yield f"/* {_comment(spec.name)}: {spec.dtype}, {shown} */"
    yield f"#define {name}_ELEMENTS {math.prod(shape)}"
    if spec.scale is not None:
        yield f"#define {name}_SCALE {_float(spec.scale)}"
        yield f"#define {name}_ZERO_POINT ({spec.zero_point or 0})"


def _float(value: float) -> str:
    """Return a float32 constant that reads back as the same number."""
    text = f"{float(np.float32(value)):.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def _comment(text: str) -> str:
    """Return what can stand in a comment: no way out of it, and on one line."""
    return re.sub(r"[^A-Za-z0-9_./:;+ -]", "_", text)


def _source(name: str, content: bytes) -> Iterator[str]:
    upper = name.upper()
    yield f'#include "{name}.h"'
    yield ""
    yield "#if defined(__cplusplus)"
    yield f"#define {upper}_ALIGNED alignas({ALIGNMENT})"
    yield "#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L"
    yield f"#define {upper}_ALIGNED _Alignas({ALIGNMENT})"
    yield "#elif defined(__GNUC__)"
    yield f"#define {upper}_ALIGNED __attribute__((aligned({ALIGNMENT})))"
    yield "#else"
    yield f'#error "align {name}_model to {ALIGNMENT} bytes"'
    yield "#endif"
    yield ""
    yield f"{upper}_ALIGNED const uint8_t {name}_model[{upper}_MODEL_BYTES] = {{"
    for start in range(0, len(content), _A_LINE):
        yield "  " + " ".join(f"0x{byte:02x}," for byte in content[start : start + _A_LINE])
    yield "};"
