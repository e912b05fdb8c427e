"""Figures and facts of a file's own bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from edgekit.auditing import AuditResult
from edgekit.comparing.subject import HOST, Figure, Record
from edgekit.report.named import identity


def audit_figures(found: AuditResult) -> dict[str, Figure]:
    """Return what the file itself tells."""
    computed = [one for one in found.operators if not one.precision.startswith("constant")]
    numbers: dict[str, float | None] = {
        "size_kib": found.file_bytes / 1024,
        "gzip_kib": None if found.gzip_bytes is None else found.gzip_bytes / 1024,
        "weight_kib": found.weight_bytes / 1024,
        "peak_activation_kib": found.peak_activation_bytes / 1024,
        "macs": found.macs,
        "operators": len(computed),
        "float_islands": len(found.float_islands),
        "float_operators": sum(one.numbers == "float" for one in computed),
        "flex_operators": len(found.flex),
        "custom_operators": len(found.custom),
        "integer_mac_share": found.integer_mac_share,
        "integer_op_share": found.integer_op_share,
        "integer_weight_share": found.integer_weight_share,
    }
    return {
        name: exact(value, better="higher" if name.endswith("_share") else "lower")
        for name, value in numbers.items()
        if value is not None
    }


def exact(value: float, *, better: str = "lower", basis: str = "computed") -> Figure:
    """Return a figure that is the same in every run."""
    return Figure(value=float(value), basis=basis, better=better)  # type: ignore[arg-type]


def audit_facts(found: AuditResult) -> dict[str, Mapping[str, str]]:
    """Return operators by kind, how many compute in which precision, and the ends' types."""
    computed = [one for one in found.operators if not one.precision.startswith("constant")]
    kinds = Counter(one.kind for one in computed)
    precisions = Counter(one.precision for one in computed)
    ends = {f"input {one.name}": f"{one.dtype} {list(one.shape)}" for one in found.inputs}
    ends |= {f"output {one.name}": f"{one.dtype} {list(one.shape)}" for one in found.outputs}
    return {
        "operators": {kind: str(count) for kind, count in sorted(kinds.items())},
        "precision": {kind: str(count) for kind, count in sorted(precisions.items())} | ends,
    }


def audit_record(found: AuditResult) -> Record:
    """Return the record of a file of which nothing else is known."""
    own = identity(found.path, found.format)
    return Record(
        model=own.model, target=own.target, device=HOST,
        figures=audit_figures(found), facts=audit_facts(found),
    )  # fmt: skip
