"""Modelled latencies beside published ones, from counts that were taken once and kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from benchmarks.modelled import BARS, MODELS, PUBLISHED_MS, STRUCTURE, left_out_errors
from edgekit.devices import Device, load_device
from edgekit.devices.emulated.cost import modelled
from edgekit.devices.figures import Counts, Latency

KEPT = json.loads(Path(__file__).with_name("mobilenet_counts.json").read_text())
BOARDS = sorted(PUBLISHED_MS)


def told(device: Device, numbers: dict[str, int], threads: int = 4) -> Latency:
    assert device.cost is not None
    assert device.cpu is not None
    counts = Counts(
        instructions=numbers["instructions"], loads=numbers["loads"], stores=numbers["stores"],
        load_bytes=numbers["load_bytes"], store_bytes=numbers["store_bytes"],
        l1_misses=numbers["l1_miss"], l2_misses=numbers["l2_miss"], classes=numbers,
    )  # fmt: skip
    return modelled(
        counts, device.cost, threads, clock_mhz=device.cpu.clock_mhz, operators=numbers["operators"]
    )


@pytest.mark.parametrize("board", BOARDS)
def test_published_latencies_lie_within_the_interval_that_is_stated(board: str) -> None:
    device = load_device(board)
    found = [told(device, KEPT[board][name]) for name in MODELS]
    for one, published in zip(found, PUBLISHED_MS[board], strict=True):
        assert one.low_ms is not None
        assert one.high_ms is not None
        assert one.low_ms <= published <= one.high_ms
    order = np.argsort([one.ms for one in found])
    assert (order == np.argsort(PUBLISHED_MS[board])).all()


@pytest.mark.parametrize("board", BOARDS)
def test_models_that_were_left_out_are_told_nearly(board: str) -> None:
    found = [KEPT[board][name] for name in MODELS]
    errors = left_out_errors(found, PUBLISHED_MS[board], STRUCTURE[board])
    middle, worst = BARS[board]
    assert 100 * median(errors) <= middle
    assert 100 * max(errors) <= worst
    declared = load_device(board).cost
    assert declared is not None
    assert max(errors) < declared.relative_error


@pytest.mark.parametrize("board", BOARDS)
def test_one_thread_takes_longer_and_is_known_less_well(board: str) -> None:
    device, numbers = load_device(board), KEPT[board]["int8 v2"]
    four, one = told(device, numbers), told(device, numbers, threads=1)
    assert 2 < one.ms / four.ms < 4
    widths = [(each.high_ms or 0) / (each.low_ms or 1) for each in (four, one)]
    assert widths[1] > 1.5 * widths[0]


def test_a_core_without_figures_of_its_own_says_whose_it_borrows() -> None:
    for name in ("raspberry-pi-5", "cortex-a55"):
        cost = load_device(name).cost
        assert cost is not None
        lender = load_device(cost.borrowed).cost
        assert lender is not None
        assert cost.relative_error >= 3 * lender.relative_error
        shared = {key: cost.cycles[key] for key in lender.cycles}
        assert shared == pytest.approx(dict(lender.cycles))


def test_a_file_of_one_operator_takes_next_to_nothing() -> None:
    nothing = dict.fromkeys(KEPT["raspberry-pi-4"]["int8 v2"], 0) | {"operators": 1}
    found = told(load_device("raspberry-pi-4"), nothing)
    assert found.ms < 0.1
    assert found.low_ms == 0.0, "smaller than anything that was published: operators may be free"


def test_an_interval_is_wide_below_what_was_published() -> None:
    device, numbers = load_device("raspberry-pi-4"), KEPT["raspberry-pi-4"]["int8 v2"]
    small = {name: number // 100 for name, number in numbers.items()} | {"operators": 20}
    known, guess = told(device, numbers), told(device, small)
    widths = [(each.high_ms or 0) / (each.low_ms or 1) for each in (known, guess)]
    assert widths[1] > 3 > widths[0]


def test_a_guess_goes_over_into_what_was_fitted_and_small_files_are_quick_on_quick_boards() -> None:
    device, numbers = load_device("raspberry-pi-4"), KEPT["raspberry-pi-4"]["int8 v2"]
    assert device.cost is not None
    edge = {**numbers, "instructions": device.cost.fitted_from}
    below = {**numbers, "instructions": device.cost.fitted_from - 1}
    assert told(device, below).ms == pytest.approx(told(device, edge).ms, rel=1e-6)
    small = {
        board: told(
            load_device(board),
            {name: n // 400 for name, n in KEPT[board]["int8 v2"].items()} | {"operators": 8},
        ).ms
        for board in ("raspberry-pi-3", "raspberry-pi-4")
    }
    assert small["raspberry-pi-4"] < 1.2 * small["raspberry-pi-3"]


def test_cycles_of_what_is_not_counted_are_refused() -> None:
    from edgekit.errors import OptionError

    device = load_device("raspberry-pi-4")
    assert device.cost is not None
    wrong = replace(device, cost=replace(device.cost, cycles={"vector_lod": 1.0}))
    with pytest.raises(OptionError, match="vector_lod"):
        told(wrong, KEPT["raspberry-pi-4"]["int8 v2"])
