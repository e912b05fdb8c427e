"""Finds for each record the one that it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.comparing.subject import Record, Subject


@dataclass(frozen=True, kw_only=True)
class Matched:
    """Pairs of (before, after), and what is on one side only."""

    pairs: tuple[tuple[Record, Record], ...]
    only_before: tuple[Record, ...] = ()
    only_after: tuple[Record, ...] = ()


def match(before: Subject, after: Subject) -> Matched:
    """Pair records by model, target and device.

    Where that pairs none, targets and devices are enough, or devices alone, if they name each
    record of both sides: so a renamed model, or one for another target, compares with what else
    could not be meant.
    """
    found = _by(("model", "target", "device"), before.records, after.records)
    for looser in (("target", "device"), ("device",)):
        if found is None or not found.pairs:
            found = _by(looser, before.records, after.records) or found
    return found or Matched(pairs=(), only_before=before.records, only_after=after.records)


def _by(
    parts: tuple[str, ...], before: Sequence[Record], after: Sequence[Record]
) -> Matched | None:
    """Pair by some parts of the key; None if they do not tell records apart."""
    ours, theirs = (
        {tuple(getattr(record, part) for part in parts): record for record in records}
        for records in (before, after)
    )
    if len(ours) < len(before) or len(theirs) < len(after):
        return None
    return Matched(
        pairs=tuple((ours[key], record) for key, record in theirs.items() if key in ours),
        only_before=tuple(record for key, record in ours.items() if key not in theirs),
        only_after=tuple(record for key, record in theirs.items() if key not in ours),
    )
