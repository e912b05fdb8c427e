"""Draws the branches of a graph as lanes beside lines of text."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

# (up, right, down, left) -> character
_BOXES = {
    (1, 0, 1, 0): "│", (0, 1, 0, 1): "─", (1, 1, 1, 0): "├", (1, 0, 1, 1): "┤", (1, 1, 0, 0): "╰",
    (1, 0, 0, 1): "╯", (0, 1, 1, 0): "╭", (0, 0, 1, 1): "╮", (1, 1, 0, 1): "┴", (0, 1, 1, 1): "┬",
    (1, 1, 1, 1): "┼", (1, 0, 0, 0): "│", (0, 0, 1, 0): "│",
}  # fmt: skip
_MOST = 12
DOT, END = "●", "○"


@dataclass
class Lanes:
    """The tensors that live while operators run, one in a lane, as long as somebody reads them.

    ``readers`` counts for each tensor how often ``step`` will read it. Only the first 12 lanes are
    drawn; those beyond are kept, and said to be there.
    """

    readers: Counter[str]
    slots: list[str | None] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    _freed: list[int] = field(default_factory=list)

    def step(self, reads: Sequence[str], writes: Iterable[str], mark: str = DOT) -> list[str]:
        """Return the drawing of one operator: lines before its own, its own, lines after.

        Its own is the one that has the mark.
        """
        before = [slot is not None for slot in self.slots[:_MOST]]
        held = {key: self.places[key] for key in dict.fromkeys(reads) if key in self.places}
        ended = set()
        for key, place in held.items():
            self.readers[key] -= 1
            if self.readers[key] <= 0:
                ended.add(place)
                self._free(key)
        target = min(ended, default=None)
        if target is None:
            target = self._free_place()
        lines = []
        self._hold(target, "")
        if {*held.values()} - {target}:
            lines.append(self._joined({*held.values(), target}, before))
        lines.append(self._row(target, mark))
        self.slots[target] = None
        alive = [key for key in writes if self.readers[key] > 0]
        if not alive:
            self._released(target)
        lines += self._given(alive, target)
        return lines

    def below(self) -> str:
        """Return the drawing beside a line of text between two operators."""
        return self._row(None, "")

    def _given(self, alive: Sequence[str], target: int) -> list[str]:
        """Put outputs into lanes; several need a line of their own."""
        before = [slot is not None for slot in self.slots[:_MOST]]
        if target < _MOST:
            before += [False] * (target + 1 - len(before))
            before[target] = True
        taken = []
        for at, key in enumerate(dict.fromkeys(alive)):
            place = target if at == 0 else self._free_place()
            self._hold(place, key)
            taken.append(place)
        return [self._joined({*taken}, before)] if len(taken) > 1 else []

    def _hold(self, place: int, key: str) -> None:
        while len(self.slots) <= place:
            self.slots.append(None)
        self.slots[place] = key
        if key:
            self.places[key] = place

    def _free(self, key: str) -> None:
        place = self.places.pop(key)
        self.slots[place] = None
        self._released(place)

    def _released(self, place: int) -> None:
        heapq.heappush(self._freed, place)
        while self.slots and self.slots[-1] is None:
            self.slots.pop()

    def _free_place(self) -> int:
        """Return the first lane that nobody has; those beyond the last one are all free."""
        while self._freed:
            place = heapq.heappop(self._freed)
            if place < len(self.slots) and self.slots[place] is None:
                return place
        return len(self.slots)

    def _row(self, marked: int | None, mark: str) -> str:
        cells = [
            mark if at == marked else " " if slot is None else "│"
            for at, slot in enumerate(self.slots[:_MOST])
        ]
        more = len(self.slots) - _MOST
        if more > 0:
            cells.append(mark if marked is not None and marked >= _MOST else "…")
        return " ".join(cells)

    def _joined(self, places: set[int], before: Sequence[bool]) -> str:
        """Return a line that joins lanes; those that they cross go on behind it."""
        first, last = min(places), min(max(places), _MOST - 1)
        drawn = ""
        for at in range(min(max(len(self.slots), len(before), last + 1), _MOST)):
            up = at < len(before) and before[at]
            down = at < len(self.slots) and self.slots[at] is not None
            inside = first <= at <= last
            if at in places:
                drawn += _BOXES.get((up, at < last, down, at > first), " ")
            elif up and down:
                drawn += "│"
            else:
                drawn += "─" if inside else " "
            drawn += "─" if first <= at < last else " "
        return drawn.rstrip()


def plain_letters(line: str) -> str:
    """Return a drawing in ASCII, for terminals that have nothing else."""
    return line.translate(str.maketrans("│─├┤╰╯╭╮┴┬┼●○…█·", "|-+++++++++*o.#."))
