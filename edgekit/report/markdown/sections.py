"""The long sections of the Markdown: source model, audit, layer errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgekit.artifact import TensorSpec
from edgekit.auditing import AuditResult
from edgekit.report import text
from edgekit.report.markdown.syntax import bullets, table
from edgekit.report.model import Report
from edgekit.report.operators import operator_groups

_MOST_LAYERS = 20
_MOST_NAMES = 12


def source_lines(report: Report) -> list[str]:
    """Return what the source model is, what it takes and gives, and what was mended in it."""
    source = report.source
    size = "" if source.size_bytes is None else f", {text.kib(source.size_bytes)}"
    said = [
        f"{source.origin} ({source.kind}{size})",
        f"SHA-256 {source.sha256}",
        f"{source.parameters:,} parameters",
        *_ends(source.inputs, source.outputs),
    ]
    lines = bullets(said)
    if source.mends:
        rows = [(mend.what, mend.where, mend.how) for mend in source.mends]
        return [*lines, "", *table(("mended", "where", "how"), rows)]
    return [*lines, "", "Nothing had to be mended."]


def audit_lines(report: Report) -> list[str]:
    """Return what the artifact's own bytes say."""
    found = report.audit
    integers = found.integer_mac_share, found.integer_op_share, found.integer_weight_share
    shares = [text.share(share) for share in integers]
    lines = bullets(
        [
            f"{found.file_bytes:,} bytes{text.with_gzip(found.gzip_bytes)}, "
            f"SHA-256 {report.artifact.sha256}",
            *_ends(found.inputs, found.outputs),
            f"multiply-accumulates: {found.macs:,}, in integers {shares[0]}",
            f"operators: {len(found.operators):,}, in integers {shares[1]}",
            f"weights: {found.weight_bytes:,} bytes, integers {shares[2]}; "
            f"tensors per channel {found.per_channel}, per tensor {found.per_tensor}",
            f"activations: {found.activation_bytes:,} bytes in all, "
            f"{found.peak_activation_bytes:,} at once",
            f"Flex operators: {', '.join(found.flex) or 'none'}; "
            f"custom operators: {', '.join(found.custom) or 'none'}",
        ]
    )
    lines += ["", *table(("operator", "precision", "count", "MACs"),
                         [group.cells for group in operator_groups(found)],
                         numbers=(2, 3))]  # fmt: skip
    return [*lines, "", "### Float islands", "", *_islands(found)]


def layer_lines(report: Report) -> list[str]:
    """Return the layers with the lowest SQNR, and those that could not be compared."""
    if report.layers is None:
        return []
    ranked = sorted(report.layers.layers, key=lambda layer: layer.rank)
    rows = [
        (
            str(layer.rank),
            layer.name,
            text.decibels(layer.sqnr_db),
            f"{layer.added_noise:.3g}",
            f"{layer.max_abs_error:.3g}",
        )
        for layer in ranked[:_MOST_LAYERS]
    ]
    heading = ("rank", "tensor", "SQNR", "added noise", "largest error")
    lines = table(heading, rows, numbers=(0, 2, 3, 4)) if rows else ["None could be compared."]
    arises = report.layers.worst_drop
    rest = len(ranked) - len(rows)
    skipped = [f"not compared: {name}: {why}" for name, why in report.layers.skipped]
    cut = len(skipped) - _MOST_NAMES
    said = [
        *([f"most noise is added at {arises.name}"] if arises else []),
        *([f"{rest} more in report.json"] if rest else []),
        *skipped[:_MOST_NAMES],
        *([f"{cut} more not compared"] if cut > 0 else []),
    ]
    return [*lines, "", *bullets(said)]


def _ends(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Iterator[str]:
    for what, specs in (("input", inputs), ("output", outputs)):
        for spec in specs:
            said = f"{what} {spec.name}: {spec.dtype} {text.shape(spec.shape)}"
            if spec.scale is not None:
                said += f", scale {spec.scale:.6g}, zero point {spec.zero_point}"
            yield said


def _islands(found: AuditResult) -> list[str]:
    if not found.float_islands:
        return ["None."]
    rows = [
        (text.brief(island.operators), text.brief(island.layers), island.why)
        for island in found.float_islands
    ]
    return table(("operators", "layers", "why"), rows)
