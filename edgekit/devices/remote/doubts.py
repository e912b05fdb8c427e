"""What makes a run on a board untrustworthy."""

from __future__ import annotations

from collections.abc import Iterator

from edgekit.bench.measurement import notes_on
from edgekit.devices.remote.protocol import Answer, Ask, Facts, Moment, Run

MOST_KELVIN = 15.0
LEAST_CLOCK = 0.9
# Raspberry Pi documentation, vcgencmd get_throttled: bits of now; 16 higher, since it was started.
_THROTTLED = {
    0: "the supply voltage is too low",
    1: "the frequency is capped",
    2: "it is throttled",
    3: "it is at its soft limit of temperature",
}


def doubts_about(run: Run, answer: Answer, ask: Ask) -> tuple[str, ...]:
    """Return a warning for each reason not to trust the latencies."""
    facts, before, after = answer.facts, answer.before, answer.after
    return (
        *notes_on(run.samples_ms, before.load, facts.cores),
        *_clock(facts, after),
        *_heat(before, after),
        *_throttling(before, after),
        *_effort(run, ask, facts),
    )


def _clock(facts: Facts, after: Moment) -> Iterator[str]:
    governor, now, most = facts.governor, after.frequency_mhz, facts.frequency_max_mhz
    if governor and governor != "performance":
        yield (
            f"the frequency governor is {governor}, expected performance: the clock follows the"
            " load; set it with `cpupower frequency-set -g performance`"
        )
    elif now and most and now < LEAST_CLOCK * most:
        yield f"the clock was at {now} of {most} MHz after the runs: cool the board, and repeat"


def _heat(before: Moment, after: Moment) -> Iterator[str]:
    for place, degrees in after.temperatures.items():
        rise = degrees - before.temperatures.get(place, degrees)
        if rise > MOST_KELVIN:
            yield (
                f"{place} rose by {rise:.0f} K to {degrees:.0f} degrees C during the runs, expected"
                f" at most {MOST_KELVIN:g} K: let the board warm up or cool it, and repeat"
            )


def _throttling(before: Moment, after: Moment) -> Iterator[str]:
    first, last = _bits(before.throttled), _bits(after.throttled)
    happened = last & 0xF | (last >> 16 & ~(first >> 16))
    for bit, what in _THROTTLED.items():
        if happened >> bit & 1:
            yield f"{what}, as the board says ({after.throttled}): look at its supply and cooling"


def _bits(told: str) -> int:
    try:
        return int(told, 16)
    except ValueError:
        return 0


def _effort(run: Run, ask: Ask, facts: Facts) -> Iterator[str]:
    if ask.threads > facts.cores:
        yield f"{ask.threads} threads on {facts.cores} cores"
    if len(run.samples_ms) == ask.max_runs > ask.min_runs:
        yield f"stopped at {ask.max_runs} runs, before {ask.min_seconds:g} s had passed"
