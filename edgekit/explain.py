"""Says in plain words what a target means."""

from __future__ import annotations

from edgekit.extras import NEEDS
from edgekit.target import Audit, Quantization, Target

_FORMATS = {
    "tflite": "a TFLite file (model.tflite), for LiteRT and TFLite Micro",
    "openvino": "an OpenVINO model (model.xml and model.bin)",
    "onnx": "an ONNX file (model.onnx), for ONNX Runtime",
}
_STEPS = {"int8": "256 steps", "int4": "16 steps", "int16": "65,536 steps"}


def explain(target: Target) -> dict[str, list[str]]:
    """Return headings and, under each, sentences about a target."""
    return {
        "Makes": [f"{_FORMATS[target.format]}.", *_c_source(target), f"{target.summary}."],
        "Numbers": _numbers(target.quantization),
        "Input and output": [_io(target.quantization)],
        "Needs": _needs(target),
        "Promises": [*_promises(target.audit), _quality(target)],
        "Budget": _budget(target),
    }


def _c_source(target: Target) -> list[str]:
    if not target.c_source:
        return []
    return [
        "The same as C, <model>_model.h and .c: an aligned array, and sizes, shapes, types, scales "
        "and zero points as constants.",
        "With tflite-micro installed (edgekit devices install cortex-m4) also the arena's size.",
    ]


def _numbers(q: Quantization) -> list[str]:
    said = [f"Weights are stored as {_number(q.weights)}."]
    if q.activations == "dynamic":
        said.append("Activations are quantized to int8 anew at every inference.")
    elif q.activations == "float32" and q.weights != "float32":
        said.append("They are widened again to compute: activations are float32.")
    else:
        said.append(f"Activations are {_number(q.activations)}.")
    if q.reduce_range:
        said.append("Weights use 7 of their 8 bits: x86 kernels without VNNI saturate on more.")
    return said


def _number(kind: str) -> str:
    return f"{kind} ({_STEPS[kind]})" if kind in _STEPS else kind


def _io(q: Quantization) -> str:
    if q.io == "float32":
        return "float32, as in the source model."
    return f"{q.io}: the program quantizes, real = scale * (stored - zero_point)."


def _needs(target: Target) -> list[str]:
    said = ["Sample data to calibrate on (--calibration)."]
    if not target.quantization.needs_calibration:
        said = ["No sample data; with some (--calibration) the file is checked on them."]
    if extra := NEEDS[target.format].extra:
        said.append(f"pip install 'edgekit-ml[{extra}]'.")
    return said


def _promises(audit: Audit) -> list[str]:
    said = []
    if not audit.allow_flex:
        said.append("No operator that needs the TensorFlow (Flex) runtime.")
    if not audit.allow_custom_ops:
        said.append("No custom operator.")
    if not audit.allow_float_ops:
        said.append("Every operator computes in integers.")
    if audit.operators == "tflite-micro":
        said.append("TensorFlow Lite Micro has a kernel for every operator.")
    if audit.require_static_shapes:
        said.append("Inputs have fixed shapes, and hold one sample.")
    if audit.require_per_channel:
        said.append("Convolution weights have a scale for each channel.")
    if audit.min_integer_mac_share:
        said.append(
            f"At least {audit.min_integer_mac_share:.0%} of multiply-accumulates are in integers."
        )
    if audit.min_integer_weight_share:
        said.append(f"At least {audit.min_integer_weight_share:.0%} of weights are integers.")
    return said


def _quality(target: Target) -> str:
    return (
        f"Outputs agree with the source model: SQNR at least {target.quality.min_sqnr_db:g} dB, "
        "else the file is not handed over."
    )


def _budget(target: Target) -> list[str]:
    budget = target.budget
    limits = {
        "latency": (budget.latency_ms, "ms", "at most"),
        "size": (budget.size_kib, "KiB", "at most"),
        "peak memory": (budget.peak_memory_mib, "MiB", "at most"),
        "accuracy drop": (budget.accuracy_drop_pp, "points", "at most"),
        "SQNR": (budget.sqnr_db, "dB", "at least"),
    }
    said = [f"{k}: {how} {v:g} {unit}." for k, (v, unit, how) in limits.items() if v is not None]
    return said or ["None set."]
