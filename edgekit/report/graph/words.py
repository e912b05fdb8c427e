"""Facts of a graph in few words, the same in every view."""

from __future__ import annotations

from edgekit.inspection import Profile, TensorFacts
from edgekit.inspection.blocks import Block
from edgekit.report import text


def tensor(found: TensorFacts, *, short: bool = False) -> str:
    """Return shape and type: ``1x32x32x3 int8``; without the type if ``short``."""
    shape = "?" if found.shape is None else text.shape(found.shape)
    return shape if short else f"{shape} {text.visible(found.dtype, most=20)}"


def grid(found: TensorFacts) -> str:
    """Return the scale and zero point behind a tensor; nothing if it has none."""
    facts = found.grid
    if facts is None:
        return ""
    if facts.scales > 1:
        axis = "" if facts.axis is None else f" along axis {facts.axis}"
        return f" ({facts.scales} scales{axis}, {facts.scale_low:.3g} to {facts.scale_high:.3g})"
    return f" (scale {facts.scale_low:.4g}, zero point {facts.zero_low})"


def cost_cell(block: Block) -> list[str]:
    """Return the share of a block's cost, and nothing where it is not known."""
    return [] if block.cost is None else [text.share(block.share)]


def cost(value: float, unit: str) -> str:
    """Return a cost with its unit."""
    return text.milliseconds(value) if unit == "ms" else f"{value:,.0f} {unit}"


def count(value: int) -> str:
    """Return a number with three or four digits and k, M or G: ``9,216``, ``1.18 M``."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if value >= size:
            return f"{value / (1000 if unit == 'k' else size):.3g} {unit}"
    return f"{value:,}"


def figures(profile: Profile) -> str:
    """Return what all operators cost, and how that was come by."""
    outside = f", and {cost(profile.elsewhere, profile.unit)} outside of them"
    return (
        f"operators take {cost(profile.total, profile.unit)}, {profile.basis}"
        f"{outside if profile.elsewhere else ''}"
    )


def size(size_bytes: int) -> str:
    """Return a size in bytes, KiB or MiB, whichever reads best."""
    return f"{size_bytes} B" if size_bytes < 1024 else text.kib(size_bytes)
