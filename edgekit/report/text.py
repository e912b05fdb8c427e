"""Figures and names as people read them, in every view alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgekit.accuracy import Evaluation
    from edgekit.devices.figures import DeviceAccuracy

FORMATS: Mapping[str, str] = {"tflite": "TFLite", "openvino": "OpenVINO IR", "onnx": "ONNX"}


def visible(text: str, *, most: int = 200) -> str:
    """Return one line of at most ``most`` characters, with nothing that a terminal obeys.

    Line breaks and tabs become spaces; other characters that cannot be printed become U+FFFD.
    """
    shown = printable(" ".join(text.split()))
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def printable(text: str, *, spare: str = "") -> str:
    """Return a text in which U+FFFD stands for what a terminal would obey, but for ``spare``."""
    return "".join(
        char if char.isprintable() or char in spare else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


def brief(names: Sequence[str], most: int = 12) -> str:
    """Return the first ``most`` names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def kib(size_bytes: int) -> str:
    """Return a size in KiB, a large one in MiB."""
    size = size_bytes / 1024
    if size >= 10_000:
        return f"{size / 1024:,.1f} MiB"
    return f"{size:,.1f} KiB" if size < 1000 else f"{size:,.0f} KiB"


def with_gzip(size_bytes: int | None) -> str:
    """Return what gzip makes of a file, to stand behind its own size; nothing if not known."""
    return "" if size_bytes is None else f", {size_bytes:,} with gzip"


def decibels(value: float) -> str:
    """Return an SQNR; infinite ones in words."""
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "identical" if value > 0 else "only noise"
    return f"{value:.1f} dB"


def milliseconds(value: float, unit: str = " ms") -> str:
    """Return a latency with three significant digits; its ``unit`` may be said elsewhere."""
    return f"{value:.3g}{unit}" if value < 1000 else f"{value:,.0f}{unit}"


def ratio(value: float) -> str:
    """Return how many times larger one figure is than another."""
    return f"{value:.2f}x" if value < 10 else f"{value:.0f}x"


def share(value: float | None) -> str:
    """Return a share in [0, 1] in per cent with one decimal, or a dash where there is none."""
    return "-" if value is None else f"{value:.1%}"


def figure(value: float | None, unit: str = "", *, absent: str = "-") -> str:
    """Return any figure with four digits that count, and its unit; whole numbers whole."""
    if value is None:
        return absent
    if abs(value) < 1e15 and value == int(value):
        said = f"{int(value):,}"
    else:
        said = f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return f"{said} {unit}".rstrip()


def score(value: float | None) -> str:
    """Return a score with four significant digits; trailing zeros stay, so that columns align."""
    if value is None:
        return "-"
    return f"{value:.4f}" if 0.001 <= abs(value) < 10 else f"{value:.4g}"


def drop(evaluation: Evaluation | DeviceAccuracy, *, between: str = " ") -> str:
    """Return a drop with its 95 % interval: ``0.20 pp [-0.41, 0.81]``; positive is worse.

    ``between`` stands before the interval.
    """
    if evaluation.drop_pp is None:
        return "not known"
    said = f"{_signed(evaluation.drop_pp)} {drop_unit(evaluation)}"
    low, high = evaluation.drop_low_pp, evaluation.drop_high_pp
    if low is None or high is None:
        return said
    return f"{said}{between}[{_signed(low)}, {_signed(high)}]"


def drop_unit(evaluation: Evaluation | DeviceAccuracy) -> str:
    """Return what a drop is in: ``pp`` of a score, ``%`` of the source model's error."""
    return "pp" if evaluation.drop_unit == "points" else "%"


def shape(sizes: tuple[int | None, ...]) -> str:
    """Return a shape as ``1x32x32x3``; open dimensions as ``?``."""
    return "x".join("?" if size is None else str(size) for size in sizes) or "scalar"


def seconds(value: float) -> str:
    """Return how long a stage took."""
    return f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"


def _signed(value: float) -> str:
    """Return two decimals, and no minus before zero."""
    return f"{value if round(value, 2) else 0.0:.2f}" if abs(value) < 1000 else f"{value:.3g}"
