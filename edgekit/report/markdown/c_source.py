"""The Markdown section about the artifact as C."""

from __future__ import annotations

from collections.abc import Iterator

from edgekit.devices.figures import Agreement
from edgekit.report import text
from edgekit.report.markdown.syntax import bullets
from edgekit.report.model import CSourceFacts, Report


def c_source_lines(report: Report) -> list[str]:
    """Return what was written, what the runtime needs; nothing without C."""
    facts = report.c_source
    if facts is None:
        return []
    sizes = [f"{name}: {size:,} bytes" for name, size in facts.files.items()]
    return bullets([*sizes, *_arena(facts), *_agreement(facts.agreement)])


def _arena(facts: CSourceFacts) -> Iterator[str]:
    if facts.arena_bytes is None:
        yield "arena: not known"
        return
    least = facts.arena_bytes_least
    yield (
        f"arena: {facts.arena_bytes:,} bytes are enough"
        + ("" if least is None else f", {least:,} are needed at least on a 32-bit board")
        + ("" if facts.tensor_bytes is None else f"; {facts.tensor_bytes:,} of them for tensors")
    )


def _agreement(found: Agreement | None) -> Iterator[str]:
    if found is None:
        return
    apart = "" if found.largest_steps is None else f", the largest difference {_steps(found)}"
    yield (
        f"outputs in TensorFlow Lite Micro against those of {found.reference}: "
        f"{text.share(found.identical_share)} the same{apart} ({found.samples} samples)"
    )


def _steps(found: Agreement) -> str:
    return f"{found.largest_steps} step{'' if found.largest_steps == 1 else 's'}"
