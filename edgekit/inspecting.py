"""The function behind ``edgekit inspect``: the graph of a file, and what each operator costs."""

from __future__ import annotations

from pathlib import Path

from edgekit.errors import OptionError
from edgekit.inspection import Inspection, read_graph
from edgekit.inspection.profile import with_costs
from edgekit.report.devices import Benchmark
from edgekit.report.documents import BENCHMARK, read_file_as


def inspect(
    path: str | Path, *, benchmark: str | Path | Benchmark | None = None,
    device: str | None = None, measure: bool = False,
) -> Inspection:  # fmt: skip
    """Return the graph of a file from its own bytes, with costs by operator if they are asked for.

    Args:
        path: A TFLite, OpenVINO or ONNX file, also one that edgekit did not make.
        benchmark: Where costs are: what ``edgekit.benchmark`` returned, or the file that
            ``edgekit bench -o`` wrote.
        device: Of the benchmark, whose costs to take; with ``measure`` where to measure.
        measure: Measure now; on this host if no device is named.

    Raises:
        ArtifactError: the file or the benchmark cannot be read.
        OptionError: the benchmark is of another file, or tells nothing of operators.
        DeviceError: the device is not ready, or failed.
    """
    if measure and benchmark is not None:
        raise OptionError("expected a benchmark or to measure, got both")
    if device is not None and not measure and benchmark is None:
        raise OptionError(f"device {device!r} needs a benchmark, or to measure")
    graph = read_graph(path)
    if measure:
        from edgekit import benchmarking

        found = benchmarking.benchmark(graph.path, device or "host", min_seconds=0.5)
        return with_costs(graph, found.measurements)
    if benchmark is None:
        return graph
    if not isinstance(benchmark, Benchmark):
        benchmark = read_file_as(BENCHMARK, Path(benchmark))
    return with_costs(graph, benchmark.measurements, device)
