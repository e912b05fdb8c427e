"""One evaluation on a terminal: scores, drop, agreement, SQNR, and the worst layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edgekit.accuracy import Evaluation, LayerErrors
from edgekit.report import text
from edgekit.report.terminal.table import table

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

_LONG = 2000
_NUMBERS = (1, 2, 3)


def evaluation(
    found: Evaluation, layers: LayerErrors | None, *, title: str, data: str,
    notes: Sequence[str] = (), most: int = 10,
) -> Group:  # fmt: skip
    """Return what fits 80 columns: a table of figures, the ``most`` worst layers, and notes."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Text | Table] = [
        Text(text.visible(title, most=_LONG), style="bold"),
        Text(f"{found.samples} samples of {text.visible(data, most=_LONG)}"),
        Text(),
        table(("", "value"), _figures(found), right=_NUMBERS, no_wrap=_NUMBERS),
    ]
    if layers is not None:
        heading = ("worst tensors", "SQNR", "added noise", "largest error")
        parts += [Text(), table(heading, _rows(layers, most), right=_NUMBERS, no_wrap=_NUMBERS)]
        if (arises := layers.worst_drop) is not None:
            parts.append(Text(f"most noise is added at {text.visible(arises.name)}"))
        parts.append(Text(f"compared: {len(layers.layers)}, not compared: {len(layers.skipped)}"))
    said = [*notes, *found.notes]
    parts += [Text(f"note: {text.visible(note, most=_LONG)}") for note in said]
    return Group(*parts)


def _figures(found: Evaluation) -> Iterator[tuple[str, str]]:
    if found.metric is not None:
        better = "higher" if found.higher_is_better else "lower"
        name = text.visible(found.metric)
        yield f"{name} of the source model ({better} is better)", text.score(found.source_score)
        yield f"{name} of the artifact", text.score(found.artifact_score)
        yield "drop, 95 % interval (positive is worse)", text.drop(found)
        if found.p_value is not None:
            yield "p-value that there is none", f"{found.p_value:.3g}"
        yield "answers that became wrong, right", f"{found.flips.to_wrong}, {found.flips.to_right}"
    if found.agreement is not None:
        yield "share of equal answers", text.share(found.agreement)
    for name, value in found.sqnr_db.items():
        yield f"SQNR of {text.visible(name)}", text.decibels(value)
    yield "largest difference", f"{found.max_abs_error:.4g}"


def _rows(layers: LayerErrors, most: int) -> Iterator[tuple[str, ...]]:
    for layer in sorted(layers.layers, key=lambda layer: layer.rank)[:most]:
        figures = f"{layer.added_noise:.3g}", f"{layer.max_abs_error:.3g}"
        yield text.visible(layer.name), text.decibels(layer.sqnr_db), *figures
