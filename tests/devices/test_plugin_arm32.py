"""The plugin's decoder of 32-bit Arm, held against disassemblies and against real code."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from arm_text import class_of
from hypothesis import given
from hypothesis import strategies as st

from edgekit.catalog import shipped
from edgekit.devices.emulated.cost import CLASSES
from edgekit.devices.emulated.pythons import PYTHONS
from edgekit.devices.provision import store

A32 = [
    (0xE0812002, "add r2, r1, r2", "integer"),
    (0xE08FF002, "add pc, pc, r2", "branch"),
    (0xE1500001, "cmp r0, r1", "integer"),
    (0xE12FFF1E, "bx lr", "branch"),
    (0xE1A0F00E, "mov pc, lr", "branch"),
    (0xEBFFFFFE, "bl 0", "branch"),
    (0xE0010392, "mul r1, r2, r3", "multiply"),
    (0xE1620081, "smulbb r2, r1, r0", "multiply"),
    (0xE710F111, "sdiv r0, r1, r1", "divide"),
    (0xE5912000, "ldr r2, [r1]", "load"),
    (0xE1D120B2, "ldrh r2, [r1, #2]", "load"),
    (0xE1C120D8, "ldrd r2, r3, [r1, #8]", "load_pair"),
    (0xE1C120F8, "strd r2, r3, [r1, #8]", "store"),
    (0xE8BD8070, "pop {r4, r5, r6, pc}", "load_pair"),
    (0xE49DF004, "pop {pc}", "load"),
    (0xE92D4070, "push {r4, r5, r6, lr}", "store"),
    (0xF5D1F040, "pld [r1, #64]", "prefetch"),
    (0xF57FF05B, "dmb ish", "other"),
    (0xE320F000, "nop", "other"),
    (0xEF000000, "svc #0", "other"),
    (0xED910B00, "vldr d0, [r1]", "vector_load"),
    (0xECBD8B10, "vpop {d8-d15}", "vector_load_pair"),
    (0xECBD8B02, "vpop {d8}", "vector_load"),
    (0xED2D8B10, "vpush {d8-d15}", "vector_store"),
    (0xF4210A8D, "vld1.32 {d0-d1}, [r1]!", "vector_load"),
    (0xF4010A8D, "vst1.32 {d0-d1}, [r1]!", "vector_store"),
    (0xEE000A81, "vmla.f32 s0, s1, s2", "float_mac"),
    (0xEEA00A81, "vfma.f32 s0, s1, s2", "float_mac"),
    (0xEE800A81, "vdiv.f32 s0, s1, s2", "float_divide"),
    (0xEEB10AC0, "vsqrt.f32 s0, s0", "float_divide"),
    (0xEE300A81, "vadd.f32 s0, s1, s2", "float"),
    (0xEEB00A60, "vmov.f32 s0, s1", "permute"),
    (0xEEF1FA10, "vmrs APSR_nzcv, fpscr", "other"),
    (0xEE010A90, "vmov s3, r0", "permute"),
    (0xF2020D54, "vmla.f32 q0, q1, q2", "float_mac"),
    (0xF2020C54, "vfma.f32 q0, q1, q2", "float_mac"),
    (0xF3020D54, "vmul.f32 q0, q1, q2", "float"),
    (0xF2220954, "vmul.i32 q0, q1, q2", "integer_mac"),
    (0xF2922244, "vmlal.s16 q1, d2, d4[0]", "integer_mac"),
    (0xF2828A04, "vmlsl.s8 q4, d2, d4", "integer_mac"),
    (0xF2220844, "vadd.i32 q0, q1, q2", "vector_integer"),
    (0xF2B00440, "vext.8 q0, q0, q0, #4", "permute"),
    (0xF3BB0640, "vcvt.f32.s32 q0, q0", "float"),
    (0xFC200D40, "vsdot.s8 q0, q0, q0", "dot_product"),
]
T32 = [
    (0x4408, 0, "add r0, r1", "integer"),
    (0x4348, 0, "muls r0, r1", "multiply"),
    (0x4770, 0, "bx lr", "branch"),
    (0x46F7, 0, "mov pc, lr", "branch"),
    (0xB510, 0, "push {r4, lr}", "store"),
    (0xBD10, 0, "pop {r4, pc}", "load_pair"),
    (0xBD00, 0, "pop {pc}", "load"),
    (0xB108, 0, "cbz r0, 6", "branch"),
    (0xBF18, 0, "it ne", "other"),
    (0xD0FE, 0, "beq 0", "branch"),
    (0xDF00, 0, "svc 0", "other"),
    (0x5840, 0, "ldr r0, [r0, r1]", "load"),
    (0x5040, 0, "str r0, [r0, r1]", "store"),
    (0xE8BD, 0x8070, "ldmia.w sp!, {r4, r5, r6, pc}", "load_pair"),
    (0xE9D0, 0x2302, "ldrd r2, r3, [r0, #8]", "load_pair"),
    (0xE8D0, 0xF001, "tbb [r0, r1]", "branch"),
    (0xE850, 0x1F00, "ldrex r1, [r0]", "load"),
    (0xF8DF, 0x1004, "ldr.w r1, [pc, #4]", "load"),
    (0xF891, 0xF040, "pld [r1, #64]", "prefetch"),
    (0xFB00, 0xF001, "mul.w r0, r0, r1", "multiply"),
    (0xFB90, 0xF0F1, "sdiv r0, r0, r1", "divide"),
    (0xF7FF, 0xFFFE, "bl 0", "branch"),
    (0xF3BF, 0x8F5B, "dmb ish", "other"),
    (0xEF02, 0x0D54, "vmla.f32 q0, q1, q2", "float_mac"),
    (0xFF02, 0x0D54, "vmul.f32 q0, q1, q2", "float"),
    (0xF921, 0x0A8D, "vld1.32 {d0-d1}, [r1]!", "vector_load"),
    (0xED91, 0x0B00, "vldr d0, [r1]", "vector_load"),
    (0xEEA0, 0x0A81, "vfma.f32 s0, s1, s2", "float_mac"),
]
# What is no instruction of such a core, but lies in code as data; of other families.
_NO_CODE = re.compile(
    r"\.|<|(?i:.*undef|.*unknown|.*illegal|.*unpred)|.*\?\?|bl?xns|bf|hlt|setpan|cf|l?[fs]t?fm|"
    r"(ld|st)f|fix|flt|vcmla|.*\.f16|vqrdml[as]h|nop$|ldrs?[bh]\.w pc|subw"
)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    if (compiler := shutil.which("cc") or shutil.which("gcc")) is None:
        pytest.skip("needs a C compiler")
    target = tmp_path_factory.mktemp("arm32") / "decoder.so"
    source = shipped("devicefarm") / "emulator/decode_arm32.c"
    command = [compiler, "-Wall", "-Wextra", "-Werror", "-O1", "-ffreestanding", "-shared", "-fPIC"]
    subprocess.run([*command, str(source), "-o", str(target)], check=True, timeout=60)
    return ctypes.CDLL(str(target))


def of_a32(decoder, word):
    return CLASSES[decoder.classify_a32(ctypes.c_uint32(word))]


def of_t32(decoder, first, second):
    return CLASSES[decoder.classify_t32(ctypes.c_uint32(first), ctypes.c_uint32(second))]


@pytest.mark.parametrize(("word", "text", "expected"), A32)
def test_a32_instructions_have_their_class(decoder, word, text, expected):
    assert of_a32(decoder, word) == expected, text


@pytest.mark.parametrize(("first", "second", "text", "expected"), T32)
def test_t32_instructions_have_their_class(decoder, first, second, text, expected):
    assert of_t32(decoder, first, second) == expected, text


@given(word=st.integers(0, 2**32 - 1))
def test_whatever_the_word_a_class_comes_out(decoder, word):
    assert of_a32(decoder, word) in CLASSES
    assert of_t32(decoder, word >> 16, word & 0xFFFF) in CLASSES


@pytest.mark.parametrize(
    ("code", "address", "expected"),
    [
        ("0847", 0x1000, "T32"),  # two bytes
        ("02200fa8", 0x1002, "T32"),  # not at a word
        ("022081e0", 0x1000, "A32"),  # no T32 instruction of four bytes begins so
        ("022081e0", 0x1FFC, "MAYBE_A32"),  # one of two bytes before the end of a page may
        ("1eff2fe1", 0x1000, "MAYBE_A32"),  # bx lr
        ("f4ffff1a", 0x1000, "MAYBE_T32"),  # bne
        ("0ca8f8d51020", 0x1FFA, "T32"),
    ],
)
def test_the_set_is_what_the_bytes_and_their_place_allow(decoder, code, address, expected):
    content = bytes.fromhex(code)
    found = decoder.arm32_set(content, ctypes.c_size_t(len(content)), ctypes.c_uint64(address))
    assert ["A32", "T32", "MAYBE_A32", "MAYBE_T32"][found] == expected


def disassembled(path, *more):
    """Yield (bytes in hex, instruction) of real code, as a disassembler reads it, or skip."""
    own = store.place("gcc-arm-none-eabi") / "root/usr"
    there = own / "bin/arm-none-eabi-objdump"
    program = str(there) if there.exists() else shutil.which("arm-none-eabi-objdump")
    if program is None:
        pytest.skip("needs arm-none-eabi-objdump: edgekit devices install firmware-m4")
    libraries = own / "lib" / f"{os.uname().machine}-linux-gnu"
    told = subprocess.run(
        [program, "-d", *more, str(path)], check=True, timeout=120, capture_output=True, text=True,
        env={**os.environ, "LD_LIBRARY_PATH": str(libraries)},
    )  # fmt: skip
    for line in told.stdout.splitlines():
        if found := re.match(r"\s*[0-9a-f]+:\t([0-9a-f]{4} [0-9a-f]{4}|[0-9a-f]+)\s*\t(.*)", line):
            text = re.sub(r"[;@<].*", "", found[2]).replace("\t", " ").strip()
            if text and not _NO_CODE.match(text) and "illegal" not in line:
                yield found[1], text


def apart(decoder, listing):
    """Return how many distinct instructions there are, and those whose class is another."""
    seen, wrong = set(), Counter()
    for code, text in listing:
        if code in seen:
            continue
        seen.add(code)
        halves = [int(half, 16) for half in code.split()]
        if len(code) == 8:
            found = of_a32(decoder, halves[0])
        else:
            found = of_t32(decoder, halves[0], halves[1] if len(halves) > 1 else 0)
        if found != class_of(text):
            wrong[code, text, found, class_of(text)] += 1
    return len(seen), wrong


@pytest.mark.slow
def test_all_of_a_real_runtime_is_classified_as_its_disassembly_says(decoder):
    folder = store.place("tflite-runtime-2.14.0-armv7l")
    found = sorted(folder.glob("*.so"))
    if not found:
        pytest.skip("needs tflite-runtime: edgekit devices install armv7")
    count, wrong = apart(decoder, disassembled(found[0]))
    assert count > 100_000
    assert not wrong


@pytest.mark.slow
def test_t32_code_is_classified_as_its_disassembly_says(decoder):
    python = Path(PYTHONS["armv7"].bundle.root) / "usr/bin/python3.11"
    if not python.is_file():
        pytest.skip("needs Debian's Python for armhf: edgekit devices install armv7")
    count, wrong = apart(decoder, disassembled(python, "-Mforce-thumb"))
    assert count > 100_000
    assert not wrong
