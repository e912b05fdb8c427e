"""What was measured: raw samples and the facts of the host that they were taken on."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.bench.host import HostFacts


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Latencies of single inferences, every one kept, warm-up apart; statistics are computed.

    ``load_ms`` is opening the file up to the first inference. ``memory_before_mib`` is the peak of
    the process with the runtime imported and the model not loaded, ``peak_memory_mib`` its peak
    after all runs; the difference is what the model costs.
    """

    samples_ms: tuple[float, ...]
    warmup_ms: tuple[float, ...]
    load_ms: float
    threads: int
    memory_before_mib: float
    peak_memory_mib: float
    host: HostFacts
    notes: tuple[str, ...] = ()

    @property
    def median_ms(self) -> float:
        """The middle latency."""
        return quantile(self.samples_ms, 0.5)

    @property
    def p90_ms(self) -> float:
        """The latency that 90 % of inferences stay within."""
        return quantile(self.samples_ms, 0.9)

    @property
    def p99_ms(self) -> float:
        """The latency that 99 % of inferences stay within."""
        return quantile(self.samples_ms, 0.99)

    @property
    def model_memory_mib(self) -> float:
        """What loading and running the model added to the process's peak."""
        return self.peak_memory_mib - self.memory_before_mib


def quantile(samples: tuple[float, ...], share: float) -> float:
    """Return the value that a share of the samples stays within, linearly interpolated.

    Definition 7 of Hyndman and Fan 1996, "Sample quantiles in statistical packages".
    """
    ordered = sorted(samples)
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def notes_on(samples: tuple[float, ...], load: float | None, cores: int) -> tuple[str, ...]:
    """Say what casts doubt on the samples: a busy machine, outliers, a drift."""
    said = []
    middle, slow = quantile(samples, 0.5), quantile(samples, 0.9)
    if slow > 1.5 * middle:
        said.append(f"busy machine: p90 is {slow / middle:.1f}x the median")
    if load is not None and load > cores:
        said.append(f"busy machine: load average {load:g} on {cores} cores before the runs")
    half = len(samples) // 2
    if half >= 10:
        ratio = quantile(samples[half:], 0.5) / max(quantile(samples[:half], 0.5), 1e-9)
        if not 1 / 1.2 < ratio < 1.2:
            said.append(f"drift: the second half's median is {ratio:.2f}x the first half's")
    return tuple(said)
