"""Models a latency from counts."""

from __future__ import annotations

from edgekit.devices.declaration import Cost
from edgekit.devices.figures import Counts, Latency
from edgekit.errors import OptionError

_PARALLEL = (2 / 3, 1.0)
_GUESS = 0.5
# Classes of instructions, as the plugin names them; those that did not occur are not in counts.
CLASSES = (
    "load", "load_pair", "vector_load", "vector_load_pair", "store", "vector_store", "prefetch",
    "float_mac", "float", "float_divide", "integer_mac", "dot_product", "vector_integer", "permute",
    "integer", "multiply", "divide", "branch", "other",
)  # fmt: skip


def modelled(
    counts: Counts, cost: Cost, threads: int, *, clock_mhz: int, operators: int,
    guessed: bool = False,
) -> Latency:  # fmt: skip
    """Return the latency that counts stand for.

    cycles = sum over ``cost.cycles`` of number times cycles; a class that it does not name is free.
    ms = (cycles / clock) * share(threads) / share(cost.threads) + operators * operator_ms, where
    share(n) = (1 - parallel) + parallel / n is Amdahl's law and ``cost.threads`` is the number that
    the cycles were fitted for. For another number the interval spans parallel from 2/3 to 1, since
    nothing was published that it could be fitted on. An inference of fewer instructions than any
    that the cost was fitted on, or one of other kernels, is a guess: what an operator costs besides
    may be as much as with the larger ones, or fall with the work. The interval spans both and is at
    least 50 % wide; the figure takes their geometric mean.

    Args:
        counts: Of one inference with one thread.
        cost: The device's model.
        threads: That the inference may use.
        clock_mhz: Of the device.
        operators: Of the file, constants left out.
        guessed: Whether the kernels are others than those that the cost was fitted on.

    Raises:
        OptionError: the clock is not known, or the cost names something that is not counted.
    """
    if clock_mhz <= 0 or threads < 1:
        raise OptionError("expected cpu.clock_mhz and threads to be at least 1, to model a latency")
    numbers = _numbers(counts)
    if unknown := sorted(set(cost.cycles) - set(numbers)):
        raise OptionError(
            f"cost.cycles: unknown {', '.join(unknown)}; known: {', '.join(sorted(numbers))}"
        )
    cycles = sum(numbers[name] * each for name, each in cost.cycles.items())
    fitted = cycles / (clock_mhz * 1000.0)
    middle, *span = (
        fitted * _scale(parallel, threads, cost.threads)
        for parallel in (cost.parallel_share, *_PARALLEL)
    )
    besides = operators * cost.operator_ms
    least, error = besides, cost.relative_error
    if guessed or is_beyond_fit(counts, cost):
        part = min(1.0, counts.instructions / max(1, cost.fitted_from))
        least, error = besides * part, max(error, _GUESS)
    return Latency(
        ms=middle + (least * besides) ** 0.5,
        low_ms=(min(span) + least) * max(1.0 - error, 0.0),
        high_ms=(max(span) + besides) * (1.0 + error),
        basis="modelled",
        threads=threads,
    )


def is_beyond_fit(counts: Counts, cost: Cost) -> bool:
    """Whether an inference is smaller than any that the cost was fitted on."""
    return counts.instructions < cost.fitted_from


def _scale(parallel: float, threads: int, fitted_for: int) -> float:
    """Return how many times as long it takes with some threads as with others."""
    share, before = ((1.0 - parallel) + parallel / count for count in (threads, fitted_for))
    return share / before


def _numbers(counts: Counts) -> dict[str, int]:
    return {
        **dict.fromkeys(CLASSES, 0),
        **counts.classes,
        "instructions": counts.instructions,
        "loads": counts.loads,
        "stores": counts.stores,
        "load_bytes": counts.load_bytes,
        "store_bytes": counts.store_bytes,
        "l1_miss": counts.l1_misses or 0,
        "l2_miss": counts.l2_misses or 0,
    }
