"""How many multiply-accumulates keep a model within a latency."""

from __future__ import annotations

from collections.abc import Callable

from edgekit.errors import PassError

ROUNDS = 6
"""Of halving: the share is then known to 2 %, which is what channel counts of 8 allow."""


def share_within(measure: Callable[[float], tuple[float, float]], most_ms: float) -> float:
    """Return the largest share of multiply-accumulates that was measured to keep within a latency.

    By bisection, since fewer channels are hardly ever slower.

    Args:
        measure: Takes a share, in (0, 1]; returns the milliseconds of a model that keeps no more,
            and the share that it keeps.
        most_ms: What the latency may be.

    Raises:
        PassError: none does.
    """
    low, high, found, fastest = 0.0, 1.0, None, float("inf")
    for _ in range(ROUNDS):
        share = (low + high) / 2
        taken_ms, kept = measure(share)
        fastest = min(fastest, taken_ms)
        if taken_ms <= most_ms:
            low, found = share, kept
        else:
            high = share
    if found is None:
        raise PassError(
            f"channel-prune: expected at most {most_ms:.3g} ms, the fastest that was found takes "
            f"{fastest:.3g} ms; raise latency, or lower multiple_of"
        )
    return found
