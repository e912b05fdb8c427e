"""What class an Arm instruction has by its disassembly, independently of any encoding."""

from __future__ import annotations

import re

_CONDITION = "(eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|al)?"

# Of floats, and of vectors; whichever fits first, on the name and its types.
_VECTORS = (
    (r"v(ld[1-4]|ldr)", "vector_load"),
    (r"v(st|push)", "vector_store"),
    (r"v(mrs|msr)", "other"),
    (r"v(div|sqrt)", "float_divide"),
    (r"v(n?ml[as]|fn?m[as])[a-z]*\.f", "float_mac"),
    (r"v(ml[as]l?|q?dml[as]l|mull|qdmull|qr?dmulh|mul)[a-z]*\.[isup]", "integer_mac"),
    (r"v(dup|ext|tbl|tbx|zip|uzp|trn|swp)", "permute"),
    (r"v(cvt|cmp|recp|rsqrt|rint|sel|maxnm|minnm|acg|acl)", "float"),
)
_OTHERS = (
    (r"pld|pli", "prefetch"),
    (r"str|stm|push|stl", "store"),
    (r"ldr|swp|lda", "load"),
    (r"[su]div", "divide"),
    (r"mul|ml[as]|[us]m(ul|la|ls|m|us|ua)|umaal", "multiply"),
    (r"eret|cbn?z|tb[bh]|bl?x?j?" + _CONDITION + "$", "branch"),
    (r"svc|bkpt|nop|it[te]*$|mrs|msr|dmb|dsb|isb|clrex|mcr|mrc|mrrc|mcrr|cdp|ldc|stc|udf|cps|setend"
     r"|wf[ei]|sev|yield|hlt|hvc|smc|dbg|rfe|srs|csdb|esb|ssbb|pssbb|tsb|hint", "other"),
    (r"(cmp|cmn|tst|teq)", "integer"),
)  # fmt: skip


def class_of(text: str) -> str:
    """Return the class of an instruction in Arm's unified assembly language."""
    name, _, operands = text.strip().partition(" ")
    name, operands = name.lower(), operands.strip().lower()
    if re.match(r"(v?ldm|v?pop|ldrd|fldm)", name):
        return _several(name, operands)
    if name.startswith(("v", "f")):
        return _vector(name, operands)
    name = re.sub(r"\.[nw]$", "", name)
    for pattern, found in _OTHERS:
        if re.match(pattern, name):
            return found
    return "branch" if re.match(r"(pc|r15)\b", operands) else "integer"


def _several(name: str, operands: str) -> str:
    if name.startswith("ldrd"):
        return "load_pair"
    listed = operands[operands.index("{") + 1 : operands.index("}")]
    count = 0
    for part in listed.split(","):
        first, _, last = part.strip().partition("-")
        count += int(last[1:]) - int(first[1:]) + 1 if last else 1
    load = "vector_load" if name.startswith(("v", "f")) else "load"
    return f"{load}_pair" if count > 1 else load


def _vector(name: str, operands: str) -> str:
    if re.match(r"v(mov|mvn|orr|bic)", name):
        return _moved(name, operands)
    for pattern, found in _VECTORS:
        if re.match(pattern, name):
            return found
    return "float" if re.search(r"\.f(16|32|64)", name) else "vector_integer"


def _moved(name: str, operands: str) -> str:
    whole = re.fullmatch(r"[dq]\d+, [dq]\d+(, [dq]\d+)?", operands)
    if re.match(r"vmov[nl]\.[isu]", name):
        return "vector_integer"
    return "vector_integer" if whole and ".f" not in name else "permute"
