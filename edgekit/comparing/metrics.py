"""The figures that can be compared and gated, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["lower", "higher", ""]


@dataclass(frozen=True)
class Metric:
    """A figure's unit, which way is better, and what it is.

    ``better`` is empty where the report says so itself. ``group`` orders tables.
    """

    unit: str
    better: Better
    what: str
    group: Literal["accuracy", "latency", "size", "memory", "work", "audit"]


METRICS: dict[str, Metric] = {
    "score": Metric("", "", "of the artifact, by the report's metric", "accuracy"),
    "accuracy_drop_pp": Metric(
        "pp", "lower", "score lost against the source model; of errors in %", "accuracy"
    ),
    "agreement": Metric("", "higher", "share of the source model's answers", "accuracy"),
    "sqnr_db": Metric("dB", "higher", "of the worst output, on evaluation data", "accuracy"),
    "parity_sqnr_db": Metric("dB", "higher", "of the outputs, without labels", "accuracy"),
    "latency_ms": Metric("ms", "lower", "median of one inference", "latency"),
    "latency_p90_ms": Metric("ms", "lower", "90 % of inferences stay within", "latency"),
    "latency_p99_ms": Metric("ms", "lower", "99 % of inferences stay within", "latency"),
    "load_ms": Metric("ms", "lower", "opening the file, to the first inference", "latency"),
    "speedup_over_float": Metric("x", "higher", "than the float file, by medians", "latency"),
    "size_kib": Metric("KiB", "lower", "the file or files", "size"),
    "gzip_kib": Metric("KiB", "lower", "the same with gzip", "size"),
    "compression_ratio": Metric("x", "higher", "float file over file", "size"),
    "weight_kib": Metric("KiB", "lower", "constants in the file", "size"),
    "flash_kib": Metric("KiB", "lower", "that a microcontroller holds", "size"),
    "peak_memory_mib": Metric("MiB", "lower", "of the whole process", "memory"),
    "model_memory_mib": Metric("MiB", "lower", "that the model adds", "memory"),
    "arena_kib": Metric("KiB", "lower", "activations on a device", "memory"),
    "ram_kib": Metric("KiB", "lower", "that a microcontroller needs", "memory"),
    "peak_activation_kib": Metric("KiB", "lower", "that live at once, by the file", "memory"),
    "instructions": Metric("", "lower", "counted, of one inference", "work"),
    "loads": Metric("", "lower", "counted memory reads", "work"),
    "stores": Metric("", "lower", "counted memory writes", "work"),
    "l1_misses": Metric("", "lower", "simulated, of the L1 data cache", "work"),
    "l2_misses": Metric("", "lower", "simulated, of the L2 cache", "work"),
    "cycles": Metric("", "lower", "of an NPU, estimated", "work"),
    "npu_share": Metric("", "higher", "share of the work on the NPU", "work"),
    "macs": Metric("", "lower", "multiply-accumulates, from the file", "work"),
    "operators": Metric("", "lower", "in the file, without constants", "work"),
    "broken_promises": Metric("", "lower", "of the target, by the file's bytes", "audit"),
    "missed_budgets": Metric("", "lower", "of the target", "audit"),
    "float_islands": Metric("", "lower", "in an integer file", "audit"),
    "float_operators": Metric("", "lower", "that compute in float", "audit"),
    "flex_operators": Metric("", "lower", "kinds that need TensorFlow", "audit"),
    "custom_operators": Metric("", "lower", "kinds that need code of yours", "audit"),
    "integer_mac_share": Metric("", "higher", "of multiply-accumulates", "audit"),
    "integer_op_share": Metric("", "higher", "of operators", "audit"),
    "integer_weight_share": Metric("", "higher", "of weights", "audit"),
    "misfits": Metric("", "lower", "reasons why a file does not fit a device", "audit"),
    "identical_share": Metric("", "higher", "of outputs, device against host", "audit"),
    "largest_steps": Metric("", "lower", "of a device's outputs, off the host's", "audit"),
    "same_top1_share": Metric("", "higher", "of first classes, device as host", "audit"),
}
