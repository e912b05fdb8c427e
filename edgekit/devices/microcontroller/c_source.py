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
_LONGEST = 40
# dtype -> the type of C that holds one element.
_TYPES = {
    "bool": "uint8_t", "float32": "float", "float64": "double", "float16": "uint16_t",
    **{f"{sign}int{bits}": f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CSource:
    """Two files: ``header`` declares, ``source`` defines; they are called ``name``.h and .c."""

    name: str
    header: str
    source: str


def c_source(
    content: bytes,
    *,
    name: str,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    operators: Sequence[str] = (),
    arena_bytes: int | None = None,
) -> CSource:
    """Write a file as C99 that is C++11 too; the same arguments give the same text.

    The array is aligned to 16 bytes. Every name begins with the model's. Files end in ``_model``,
    so that none is called like a header of the standard library.

    Args:
        content: The TFLite file.
        name: Of the model; it is turned into an identifier.
        inputs: What the file takes.
        outputs: What the file gives.
        operators: Kinds of operators, which an application has to register.
        arena_bytes: That TensorFlow Lite Micro needs at most; None if it is not known.
    """
    plain = identifier(name)
    file = plain if plain.endswith("model") else f"{plain}_model"
    lines = [
        *_sizes(plain.upper(), content, arena_bytes),
        *_operators(plain.upper(), operators),
        "",
        "/* Of quantized tensors: real = SCALE * (stored - ZERO_POINT). */",
        *_ends(plain.upper(), inputs, outputs),
    ]
    return CSource(
        name=file,
        header=_header(plain, file, content, lines),
        source="\n".join(_source(plain, file, content)) + "\n",
    )


def identifier(name: str) -> str:
    """Return a C identifier for a name: lower case, letters, digits and single underscores."""
    found = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "model"
    found = f"model_{found}" if found[0].isdigit() else found
    return found[:_LONGEST].rstrip("_")


def _header(name: str, file: str, content: bytes, constants: Sequence[str]) -> str:
    guard = f"EDGEKIT_{file.upper()}_H"
    lines = [
        f"/* Made by edgekit from a TFLite file, SHA-256 {hashlib.sha256(content).hexdigest()}. */",
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
        "#include <stdint.h>",
        "",
        *constants,
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        f"extern const uint8_t {name}_model[{name.upper()}_MODEL_BYTES];",
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "",
        f"#endif /* {guard} */",
    ]
    return "\n".join(lines) + "\n"


def _sizes(upper: str, content: bytes, arena_bytes: int | None) -> Iterator[str]:
    if arena_bytes is None:
        yield f"/* {upper}_ARENA_BYTES is left out: tflite-micro was not there to be asked. */"
    else:
        yield "/* What TensorFlow Lite Micro needs at most, in bytes; align it to 16. */"
        yield f"#define {upper}_ARENA_BYTES {arena_bytes}"
    yield f"#define {upper}_MODEL_BYTES {len(content)}"


def _operators(upper: str, kinds: Sequence[str]) -> Iterator[str]:
    distinct = sorted(set(kinds))
    if distinct:
        yield "/* Kinds of operators to register: */"
        yield from (f"/*   {_comment(kind)} */" for kind in distinct)
        yield f"#define {upper}_OPERATOR_KINDS {len(distinct)}"


def _ends(upper: str, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Iterator[str]:
    for end, specs in (("INPUT", inputs), ("OUTPUT", outputs)):
        yield f"#define {upper}_{end}S {len(specs)}"
        for place, spec in enumerate(specs):
            yield from _tensor(f"{upper}_{end}_{place}", spec)


def _tensor(name: str, spec: TensorSpec) -> Iterator[str]:
    shape = [size or 1 for size in spec.shape]
    yield f"/* {_comment(spec.name)} */"
    if (kind := _TYPES.get(spec.dtype)) is not None:
        yield f"#define {name}_TYPE {kind}"
    yield f"#define {name}_RANK {len(shape)}"
    if shape:
        yield f"#define {name}_SHAPE {{{', '.join(map(str, shape))}}}"
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


def _source(name: str, file: str, content: bytes) -> Iterator[str]:
    upper = name.upper()
    yield f'#include "{file}.h"'
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
