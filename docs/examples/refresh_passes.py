"""Writes the part of ``docs/passes.md`` that says what passes there are, from the passes."""

from __future__ import annotations

from pathlib import Path

from edgekit.passes import PASSES
from edgekit.passes.describe import describe, markdown

PAGE = Path(__file__).resolve().parents[1] / "passes.md"
HEADING = "## Every pass"


def reference() -> str:
    """Return the section, from its heading on."""
    lines = [HEADING]
    for name in PASSES.names():
        found = describe(name)
        needs = ", ".join(need for need in found.needs if need != "graph") or "nothing else"
        lines += ["", f"### `{name}`", "", found.text.replace("``", "`"), "", f"Needs {needs}.", ""]
        lines += [line.replace("``", "`") for line in markdown(name)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    said = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(said.split(HEADING)[0].rstrip() + "\n\n" + reference(), encoding="utf-8")
