"""The search for the smallest arena."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgekit.devices.microcontroller.arena import planned, smallest

SIZES = st.integers(0, 1 << 24)


@given(least=SIZES, spare=SIZES, guess=st.none() | SIZES)
def test_the_least_is_found_whatever_the_guess(least: int, spare: int, guess: int | None) -> None:
    assert smallest(lambda size: size >= least, most=least + spare, guess=guess) == least


@given(least=SIZES, spare=st.integers(1, 1 << 20))
def test_a_right_guess_takes_two_tries(least: int, spare: int) -> None:
    tried = []

    def fits(size: int) -> bool:
        tried.append(size)
        return size >= least

    assert smallest(fits, most=least + spare, guess=least) == least
    assert len(tried) <= 2


def test_what_is_planned_is_read_from_the_log() -> None:
    lines = [
        "[RecordingMicroAllocator] Arena allocation total 6216 bytes",
        "[RecordingMicroAllocator] Arena allocation head 3072 bytes",
        "[RecordingMicroAllocator] Arena allocation tail 3144 bytes",
    ]
    assert planned(lines) == (6216, 3072)
    assert planned(["Arena allocation total many bytes"]) == (None, None)
