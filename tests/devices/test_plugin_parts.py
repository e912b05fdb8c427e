"""The plugin's decoders and caches, called from Python."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.catalog import shipped
from edgekit.devices.emulated.cost import CLASSES

# word as the assembler gives it, what it is, class
ARM = [
    (0xF9400420, "ldr x0, [x1, #8]", "load"),
    (0xA9400440, "ldp x0, x1, [x2]", "load_pair"),
    (0x3CC10420, "ldr q0, [x1], #16", "vector_load"),
    (0xACC10440, "ldp q0, q1, [x2], #32", "vector_load_pair"),
    (0x4CDF2000, "ld1 {v0.16b-v3.16b}, [x0], #64", "vector_load"),
    (0x4D40C820, "ld1r {v0.4s}, [x1]", "vector_load"),
    (0xB9800020, "ldrsw x0, [x1]", "load"),
    (0x18000960, "ldr w0, 14c", "load"),
    (0xF9000020, "str x0, [x1]", "store"),
    (0xA9BF07E0, "stp x0, x1, [sp, #-16]!", "store"),
    (0x3D800020, "str q0, [x1]", "vector_store"),
    (0x6D0027E8, "stp d8, d9, [sp]", "vector_store"),
    (0x4C007800, "st1 {v0.4s}, [x0]", "vector_store"),
    (0x0D009000, "st1 {v0.s}[1], [x0]", "vector_store"),
    (0xF9802000, "prfm pldl1keep, [x0, #64]", "prefetch"),
    (0x4E22CC20, "fmla v0.4s, v1.4s, v2.4s", "float_mac"),
    (0x4FA21020, "fmla v0.4s, v1.4s, v2.s[1]", "float_mac"),
    (0x1F020C20, "fmadd s0, s1, s2, s3", "float_mac"),
    (0x4E22D420, "fadd v0.4s, v1.4s, v2.4s", "float"),
    (0x6E22DC20, "fmul v0.4s, v1.4s, v2.4s", "float"),
    (0x4E21D820, "scvtf v0.4s, v1.4s", "float"),
    (0x1E222820, "fadd s0, s1, s2", "float"),
    (0x6E22FC20, "fdiv v0.4s, v1.4s, v2.4s", "float_divide"),
    (0x1E21C020, "fsqrt s0, s1", "float_divide"),
    (0x0E628020, "smlal v0.4s, v1.4h, v2.4h", "integer_mac"),
    (0x4F722020, "smlal2 v0.4s, v1.8h, v2.h[3]", "integer_mac"),
    (0x0E22C020, "smull v0.8h, v1.8b, v2.8b", "integer_mac"),
    (0x4EA29420, "mla v0.4s, v1.4s, v2.4s", "integer_mac"),
    (0x6EA2B420, "sqrdmulh v0.4s, v1.4s, v2.4s", "integer_mac"),
    (0x4E829420, "sdot v0.4s, v1.16b, v2.16b", "dot_product"),
    (0x6F82E820, "udot v0.4s, v1.16b, v2.4b[2]", "dot_product"),
    (0x4E82A420, "smmla v0.4s, v1.16b, v2.16b", "dot_product"),
    (0x4EA28420, "add v0.4s, v1.4s, v2.4s", "vector_integer"),
    (0x4E606820, "sadalp v0.4s, v1.8h", "vector_integer"),
    (0x0F08A420, "sxtl v0.8h, v1.8b", "vector_integer"),
    (0x4E221C20, "and v0.16b, v1.16b, v2.16b", "vector_integer"),
    (0x4E040C20, "dup v0.4s, w1", "permute"),
    (0x4E0C1C40, "mov v0.s[1], w2", "permute"),
    (0x4E020020, "tbl v0.16b, {v1.16b}, v2.16b", "permute"),
    (0x6E022020, "ext v0.16b, v1.16b, v2.16b, #4", "permute"),
    (0x1E270020, "fmov s0, w1", "permute"),
    (0x1E204020, "fmov s0, s1", "permute"),
    (0x91001020, "add x0, x1, #0x4", "integer"),
    (0xD3421020, "ubfx x0, x1, #2, #3", "integer"),
    (0x9B227C20, "smull x0, w1, w2", "multiply"),
    (0x1400000B, "b 14c", "branch"),
    (0x54000140, "b.eq 14c", "branch"),
    (0xB4000120, "cbz x0, 14c", "branch"),
    (0xD65F03C0, "ret", "branch"),
    (0xD4000001, "svc #0x0", "other"),
    (0xD503201F, "nop", "other"),
]

X86 = [
    ("488b07", "mov (%rdi),%rax", "load"),
    ("488907", "mov %rax,(%rdi)", "store"),
    ("4889c3", "mov %rax,%rbx", "integer"),
    ("0fb64301", "movzbl 0x1(%rbx),%eax", "load"),
    ("0f1007", "movups (%rdi),%xmm0", "vector_load"),
    ("c5fc1007", "vmovups (%rdi),%ymm0", "vector_load"),
    ("c5fc28c1", "vmovaps %ymm1,%ymm0", "permute"),
    ("c5fc1107", "vmovups %ymm0,(%rdi)", "vector_store"),
    ("c5fa7e07", "vmovq (%rdi),%xmm0", "vector_load"),
    ("c4e26db8d9", "vfmadd231ps %ymm1,%ymm2,%ymm3", "float_mac"),
    ("c4e26db81f", "vfmadd231ps (%rdi),%ymm2,%ymm3", "float_mac"),
    ("c4e27d1807", "vbroadcastss (%rdi),%ymm0", "vector_load"),
    ("0f59c1", "mulps %xmm1,%xmm0", "float"),
    ("0f5807", "addps (%rdi),%xmm0", "float"),
    ("c5ec58d9", "vaddps %ymm1,%ymm2,%ymm3", "float"),
    ("0f5ec1", "divps %xmm1,%xmm0", "float_divide"),
    ("0f5bc8", "cvtdq2ps %xmm0,%xmm1", "float"),
    ("660ff5c1", "pmaddwd %xmm1,%xmm0", "integer_mac"),
    ("c5edf5d9", "vpmaddwd %ymm1,%ymm2,%ymm3", "integer_mac"),
    ("660f3804c1", "pmaddubsw %xmm1,%xmm0", "integer_mac"),
    ("660f3840c1", "pmulld %xmm1,%xmm0", "integer_mac"),
    ("c4e27d2007", "vpmovsxbw (%rdi),%ymm0", "vector_load"),
    ("c4e27d20c1", "vpmovsxbw %xmm1,%ymm0", "permute"),
    ("c4e26d50d9", "{vex} vpdpbusd %ymm1,%ymm2,%ymm3", "dot_product"),
    ("62f26d4850d9", "vpdpbusd %zmm1,%zmm2,%zmm3", "dot_product"),
    ("660ffec1", "paddd %xmm1,%xmm0", "vector_integer"),
    ("660fefc9", "pxor %xmm1,%xmm1", "vector_integer"),
    ("660f70c801", "pshufd $0x1,%xmm0,%xmm1", "permute"),
    ("660f60c1", "punpcklbw %xmm1,%xmm0", "permute"),
    ("660f3a0fc108", "palignr $0x8,%xmm1,%xmm0", "permute"),
    ("c4e36d06d901", "vperm2f128 $0x1,%ymm1,%ymm2,%ymm3", "permute"),
    ("4801c3", "add %rax,%rbx", "integer"),
    ("48031f", "add (%rdi),%rbx", "integer"),
    ("488d4708", "lea 0x8(%rdi),%rax", "integer"),
    ("480fafd8", "imul %rax,%rbx", "multiply"),
    ("48f7e1", "mul %rcx", "multiply"),
    ("48f7f1", "div %rcx", "divide"),
    ("ebfe", "jmp 0x97", "branch"),
    ("75fe", "jne 0x99", "branch"),
    ("e8fbffffff", "call 0x9b", "branch"),
    ("c3", "ret", "branch"),
    ("ffd0", "call *%rax", "branch"),
    ("50", "push %rax", "store"),
    ("58", "pop %rax", "load"),
    ("0f05", "syscall", "other"),
    ("90", "nop", "other"),
    ("0f1f00", "nopl (%rax)", "other"),
    ("0f180f", "prefetcht0 (%rdi)", "prefetch"),
    ("660f3a08c800", "roundps $0x0,%xmm0,%xmm1", "float"),
    ("c4e37d190701", "vextractf128 $0x1,%ymm0,(%rdi)", "vector_store"),
    ("c4e2f9f7cb", "shlx %rax,%rbx,%rcx", "integer"),
    ("f30f51c8", "sqrtss %xmm0,%xmm1", "float_divide"),
    ("480f45d8", "cmovne %rax,%rbx", "integer"),
    ("c5f877", "vzeroupper", "other"),
    ("0fa2", "cpuid", "other"),
]


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    if (compiler := shutil.which("cc") or shutil.which("gcc")) is None:
        pytest.skip("needs a C compiler")
    target = tmp_path_factory.mktemp("parts") / "parts.so"
    folder = shipped("devicefarm") / "emulator"
    sources = [str(folder / name) for name in ("cache.c", "decode_arm.c", "decode_x86.c")]
    command = [compiler, "-Wall", "-Wextra", "-Werror", "-O1", "-ffreestanding", "-shared", "-fPIC"]
    subprocess.run([*command, *sources, "-o", str(target)], check=True, timeout=60)
    library = ctypes.CDLL(str(target))
    library.cache_hit.restype = library.gathers_by_4.restype = ctypes.c_bool
    library.cache_hit.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
    for name in ("cache_keep", "cache_restore"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    library.cache_make.argtypes = [
        ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_uint,
    ]  # fmt: skip
    return library


@pytest.mark.parametrize(("word", "text", "expected"), ARM)
def test_arm_instructions_have_their_class(parts, word, text, expected):
    assert CLASSES[parts.classify_arm(ctypes.c_uint32(word))] == expected, text


@pytest.mark.parametrize(("code", "text", "expected"), X86)
def test_x86_instructions_have_their_class(parts, code, text, expected):
    content = bytes.fromhex(code)
    assert CLASSES[parts.classify_x86(content, ctypes.c_size_t(len(content)))] == expected, text


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("c4e24d9204a7", "vgatherdps %ymm6,(%rdi,%ymm4,4),%ymm0", True),
        ("c4c2c99144e108", "vpgatherqq %xmm6,0x8(%r9,%xmm4,8),%xmm0", True),
        ("c4a24d9204a7", "vgatherdps %ymm6,(%rdi,%ymm12,4),%ymm0", False),
        ("c4e24d9204af", "vgatherdps %ymm6,(%rdi,%ymm5,4),%ymm0", False),
        ("c4a2754014a7", "vpmulld (%rdi,%r12,4),%ymm1,%ymm2", False),
        ("c4e275401424", "vpmulld (%rsp),%ymm1,%ymm2", False),
    ],
)
def test_gathers_by_register_4_are_found(parts, code, text, expected):
    content = bytes.fromhex(code)
    assert parts.gathers_by_4(content, ctypes.c_size_t(len(content))) == expected, text


@given(word=st.integers(0, 2**32 - 1), code=st.binary(min_size=1, max_size=15))
def test_whatever_the_bytes_a_class_comes_out(parts, word, code):
    assert 0 <= parts.classify_arm(ctypes.c_uint32(word)) < len(CLASSES)
    assert 0 <= parts.classify_x86(code, ctypes.c_size_t(len(code))) < len(CLASSES)


class Model:
    """A cache as a list of least recently used lines for each set."""

    def __init__(self, sets, ways):
        self.ways, self.sets = ways, [OrderedDict() for _ in range(sets)]

    def hit(self, line):
        lines = self.sets[line % len(self.sets)]
        found = lines.pop(line, None) is not None
        lines[line] = True
        if len(lines) > self.ways:
            lines.popitem(last=False)
        return found


@given(
    ways=st.integers(1, 4),
    sets=st.integers(1, 5),
    lines=st.lists(st.integers(0, 40), max_size=200),
)
def test_the_cache_replaces_what_was_not_used_longest(parts, ways, sets, lines):
    cache, model = ctypes.create_string_buffer(256), Model(sets, ways)
    parts.cache_make(cache, sets * ways * 64, ways, 64)
    assert [parts.cache_hit(cache, line) for line in lines] == [model.hit(line) for line in lines]


@given(
    first=st.lists(st.integers(0, 40), max_size=60),
    second=st.lists(st.integers(0, 40), max_size=60),
)
def test_a_cache_that_is_restored_gives_the_same_again(parts, first, second):
    cache = ctypes.create_string_buffer(256)
    parts.cache_make(cache, 8 * 64, 2, 64)
    for line in first:
        parts.cache_hit(cache, line)
    parts.cache_keep(cache)
    once = [parts.cache_hit(cache, line) for line in second]
    parts.cache_restore(cache)
    assert [parts.cache_hit(cache, line) for line in second] == once
