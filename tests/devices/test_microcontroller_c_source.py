"""C sources compile without a warning, and give back the file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.artifact import TensorSpec
from edgekit.devices import known_model
from edgekit.devices.microcontroller.c_source import CSource, c_source, identifier

SCALE = float(np.float32(0.1))
ODD = 'in*/"\\\n??/é'
MAIN = """\
#include <stdint.h>
#include <stdio.h>
#include "odd_net_model.h"
int main(void) {
  const ODD_NET_INPUT_0_TYPE least = -128;
  const int shape[ODD_NET_INPUT_0_RANK] = ODD_NET_INPUT_0_SHAPE;
  printf("%d %d %d %d %d %d ", (int)sizeof(ODD_NET_OUTPUT_0_TYPE), least, shape[0], shape[1],
         shape[2], ODD_NET_OPERATOR_KINDS);
  printf("%d %d %d %a %d %d %d\\n", (int)((uintptr_t)odd_net_model % 16), ODD_NET_ARENA_BYTES,
         ODD_NET_INPUTS, (double)ODD_NET_INPUT_0_SCALE, ODD_NET_INPUT_0_ZERO_POINT,
         ODD_NET_INPUT_0_ELEMENTS, ODD_NET_OUTPUTS);
  fwrite(odd_net_model, 1, sizeof odd_net_model, stdout);
  return 0;
}
"""
DIALECTS = [("gcc", "c99"), ("gcc", "c11"), ("g++", "c++11")]


def written() -> CSource:
    return c_source(
        known_model.content(),
        name="Odd net!",
        inputs=[
            TensorSpec(name=ODD, shape=(None, 4, 4), dtype="int8", scale=SCALE, zero_point=-128)
        ],
        outputs=[TensorSpec(name="out", shape=(1, 10), dtype="float32")],
        operators=["CONV_2D", "ADD", "CONV_2D", "*/"],
        arena_bytes=1234,
    )


@pytest.mark.parametrize(("compiler", "dialect"), DIALECTS)
def test_it_compiles_and_reads_back(compiler: str, dialect: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    made = written()
    (tmp_path / f"{made.name}.h").write_text(made.header)
    (tmp_path / f"{made.name}.c").write_text(made.source)
    (tmp_path / "main.c").write_text(MAIN)
    language = "c++" if "++" in dialect else "c"
    command = [compiler, "-x", language, f"-std={dialect}", "-Wall", "-Wextra", "-Werror"]
    command += ["-pedantic", "main.c", f"{made.name}.c", "-o", "read"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    out = subprocess.run([tmp_path / "read"], capture_output=True, timeout=60).stdout
    line, _, content = out.partition(b"\n")
    size, least, *shape, kinds, zero, arena, inputs, scale, point, elements, outputs = (
        line.decode().split()
    )
    assert (size, least, shape, kinds) == ("4", "-128", ["1", "4", "4"], "3")
    assert (zero, arena, inputs, point, elements, outputs) == ("0", "1234", "1", "-128", "16", "1")
    assert float.fromhex(scale) == SCALE
    assert content == known_model.content()


def test_an_arena_that_is_not_known_is_no_number() -> None:
    made = c_source(b"TFL3", name="net", inputs=(), outputs=())
    assert "#define NET_ARENA_BYTES" not in made.header
    assert "NET_ARENA_BYTES is left out" in made.header


@pytest.mark.parametrize("name", ["string", "time", "math", "signal"])
def test_no_file_is_called_like_a_standard_header(name: str) -> None:
    assert c_source(b"", name=name, inputs=(), outputs=()).name == f"{name}_model"


def test_the_same_file_gives_the_same_text() -> None:
    assert written() == written()


@given(st.text())
def test_names_are_identifiers(name: str) -> None:
    found = identifier(name)
    assert found.isidentifier()
    assert found.isascii()
    assert identifier(found) == found
    assert len(found) <= 40


@pytest.mark.parametrize(("name", "wanted"), [("2 nets", "model_2_nets"), ("", "model")])
def test_names_begin_with_a_letter(name: str, wanted: str) -> None:
    assert identifier(name) == wanted
