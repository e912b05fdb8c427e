"""Draws SVG with the standard library's XML writer: every text and attribute is escaped there."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from xml.etree import ElementTree

from markupsafe import Markup

from edgekit.report import text

_NARROW, _WIDE = 6.6, 8.6


class Canvas:
    """A picture with a description for those who cannot see it.

    Args:
        width: Of the picture, in its own units; the page scales it.
        height: Of the picture.
        label: What it shows, in a sentence.
        kind: Its class in the page's style.
        left: Where the picture begins, in its own units.
        top: The same from above.
        natural: Whether a unit is a pixel, however wide the page is.
    """

    def __init__(
        self, width: float, height: float, label: str, kind: str = "", *, left: float = 0.0,
        top: float = 0.0, natural: bool = False,
    ) -> None:  # fmt: skip
        self.width, self.height = width, height
        size = {"width": _number(width), "height": _number(height)} if natural else {}
        self._root = ElementTree.Element(
            "svg",
            {
                "viewBox": " ".join(map(_number, (left, top, width, height))),
                "role": "img",
                "aria-label": text.visible(label, most=600),
                "class": f"picture {kind}".strip(),
                **size,
            },
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """Draw a straight line."""
        places = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
        self._add("line", kind, {name: _number(value) for name, value in places.items()})

    def box(
        self, x: float, y: float, width: float, height: float, kind: str, *, tip: str = ""
    ) -> None:
        """Draw a rectangle; ``tip`` is what a mouse over it shows."""
        places = {"x": x, "y": y, "width": max(width, 0.0), "height": max(height, 0.0)}
        self._add("rect", kind, {name: _number(value) for name, value in places.items()}, tip)

    def circle(self, x: float, y: float, radius: float, kind: str, *, tip: str = "") -> None:
        """Draw a disc."""
        places = {"cx": _number(x), "cy": _number(y), "r": _number(radius)}
        self._add("circle", kind, places, tip)

    def path(self, steps: Iterable[str], kind: str, *, tip: str = "", down: float = 0.0) -> None:
        """Draw a path from its commands, see ``move`` and ``to``; ``down`` moves it there."""
        moved = {"transform": f"translate(0 {_number(down)})"} if down else {}
        self._add("path", kind, {"d": "".join(steps), **moved}, tip)

    def say(
        self, x: float, y: float, words: str, kind: str = "", *, anchor: str = "start",
        most: int = 60, tip: str = "",
    ) -> None:  # fmt: skip
        """Write at most ``most`` characters on one line; ``y`` is its base."""
        places = {"x": _number(x), "y": _number(y), "text-anchor": anchor}
        self._add("text", kind, places, tip, text.visible(words, most=most))

    def say_within(
        self, x: float, y: float, width: float, height: float, words: str, kind: str
    ) -> None:
        """Write as much as fits a box, if that is at least three characters; the rest is cut."""
        if not (shown := fitting(words, width - 8)):
            return
        frame = {"x": x, "y": y, "width": width - 2, "height": height}
        held = ElementTree.SubElement(self._root, "svg", {k: _number(v) for k, v in frame.items()})
        places = {"x": "4", "y": _number(height / 2 + 4), "class": kind}
        ElementTree.SubElement(held, "text", places).text = shown

    def svg(self) -> Markup:
        """Return the picture as safe markup."""
        return Markup(ElementTree.tostring(self._root, encoding="unicode"))

    def _add(
        self, tag: str, kind: str, places: dict[str, str], tip: str = "", words: str = ""
    ) -> None:
        if kind:
            places["class"] = kind
        element = ElementTree.SubElement(self._root, tag, places)
        if words:
            element.text = words
        if tip:
            shown = ElementTree.SubElement(element, "title")
            shown.text = text.visible(tip, most=400)


def move(x: float, y: float) -> str:
    """Return the path command that goes to a place without drawing."""
    return f"M{_number(x)} {_number(y)}"


def to(x: float, y: float) -> str:
    """Return the path command that draws a line to a place."""
    return f"L{_number(x)} {_number(y)}"


def fitting(words: str, width: float) -> str:
    """Return as much of a text as fits a width; nothing where not even three characters do."""
    shown = text.visible(words, most=300)
    widths = [_WIDE if char.isupper() or not char.isascii() else _NARROW for char in shown]
    if sum(widths) <= width:
        return shown
    room = sum(total <= width - _NARROW for total in itertools.accumulate(widths))
    return f"{shown[:room]}…" if room >= 3 else ""


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"
