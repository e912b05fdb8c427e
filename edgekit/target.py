"""Targets: what an artifact must be, as ``targets/*.toml`` declares it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Self

from edgekit import catalog, table
from edgekit.errors import OptionError

Format = Literal["tflite", "openvino", "onnx"]
Weights = Literal["float32", "float16", "int8", "int4"]
Activations = Literal["float32", "float16", "int8", "int16", "dynamic"]
Io = Literal["float32", "int8", "uint8", "int16"]
Operators = Literal["any", "tflite-micro"]


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """Which numbers the artifact holds and computes with.

    ``activations = "dynamic"`` means quantized anew at every inference, with no calibration;
    ``"float32"`` beside integer weights means that weights are only stored as integers.
    ``reduce_range`` keeps weights within 7 bits so that x86 kernels without VNNI cannot saturate.
    """

    weights: Weights = "float32"
    activations: Activations = "float32"
    io: Io = "float32"
    reduce_range: bool = False

    @property
    def needs_calibration(self) -> bool:
        """Whether activation ranges must be known beforehand."""
        return self.activations in ("int8", "int16")

    @property
    def activation_bits(self) -> int | None:
        """Bits of an activation that kernels compute with; None for floats."""
        return {"int8": 8, "dynamic": 8, "int16": 16}.get(self.activations)


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What the finished file must satisfy; checked in the bytes of the file itself.

    ``min_integer_mac_share`` is the least share, in [0, 1], of multiply-accumulates whose weights
    and activations are both integers; ``min_integer_weight_share`` the least share of weight
    elements stored as integers. ``operators`` names the runtime that must have a kernel for every
    operator. ``require_static_shapes`` wants inputs of fixed shapes, which hold one sample.
    """

    allow_flex: bool = False
    allow_custom_ops: bool = False
    allow_float_ops: bool = True
    operators: Operators = "any"
    require_per_channel: bool = False
    require_static_shapes: bool = False
    min_integer_mac_share: float = 0.0
    min_integer_weight_share: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What an artifact must agree with the source model in, on held-back calibration samples.

    Below it, the artifact has collapsed and is not handed over. ``min_sqnr_db``: output signal to
    quantization noise.
    """

    min_sqnr_db: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a model may cost; ``None`` is no limit. Beyond it the exit code is 3."""

    latency_ms: float | None = None
    size_kib: float | None = None
    peak_memory_mib: float | None = None
    accuracy_drop_pp: float | None = None
    sqnr_db: float | None = None


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the artifact must be: format, precision, promises and budgets.

    ``c_source`` asks for the file as C too: an array, and constants that a program needs.
    """

    name: str
    summary: str
    format: Format
    c_source: bool = False
    quantization: Quantization = field(default_factory=Quantization)
    audit: Audit = field(default_factory=Audit)
    quality: Quality = field(default_factory=Quality)
    budget: Budget = field(default_factory=Budget)

    @classmethod
    def load(cls, name_or_path: str) -> Self:
        """Read a target, by the name of a shipped one or the path of a TOML file.

        Raises:
            OptionError: there is no such target, or it contradicts itself or the format.
        """
        path = catalog.locate("targets", name_or_path)
        target = table.read(path, cls)
        if clashes := contradictions(target):
            raise OptionError(f"{path}: {'; '.join(clashes)}")
        return target


# format -> the (weights, activations) pairs that its quantizers can make.
POSSIBLE: dict[str, frozenset[tuple[str, str]]] = {
    "tflite": frozenset(
        {
            ("float32", "float32"), ("float16", "float32"), ("int8", "float32"),
            ("int8", "dynamic"), ("int8", "int8"), ("int8", "int16"), ("int4", "dynamic"),
            ("int4", "float32"),
        }
    ),
    "openvino": frozenset(
        {("float32", "float32"), ("float16", "float32"), ("int8", "float32"), ("int8", "int8")}
    ),
    "onnx": frozenset(
        {("float32", "float32"), ("float16", "float16"), ("int8", "int8"), ("int8", "dynamic")}
    ),
}  # fmt: skip


def contradictions(target: Target) -> list[str]:
    """Say what in a target cannot be true at once, each with the choices."""
    q, audit, said = target.quantization, target.audit, []
    if (q.weights, q.activations) not in POSSIBLE[target.format]:
        choices = ", ".join(sorted(f"{w}/{a}" for w, a in POSSIBLE[target.format]))
        asked = f"weights/activations {q.weights}/{q.activations}"
        said.append(f"{target.format} has no {asked}; choices: {choices}")
    if q.io in ("int8", "uint8", "int16") and (
        target.format != "tflite" or not q.needs_calibration
    ):
        said.append(f"io = {q.io!r} needs format = 'tflite' and int8 or int16 activations")
    if q.io != "float32" and (q.io == "int16") != (q.activations == "int16"):
        said.append(f"io = {q.io!r} does not fit activations = {q.activations!r}")
    if q.reduce_range and (q.weights != "int8" or target.format == "tflite"):
        said.append("reduce_range needs weights = 'int8' and format = 'openvino' or 'onnx'")
    if not audit.allow_float_ops and not q.needs_calibration:
        said.append("allow_float_ops = false needs int8 or int16 activations")
    for micro, wanted in (
        ("c_source = true", target.c_source),
        (f"audit.operators = {audit.operators!r}", audit.operators != "any"),
    ):
        if wanted and target.format != "tflite":
            said.append(f"{micro} needs format = 'tflite'")
    for key in ("min_integer_mac_share", "min_integer_weight_share"):
        if not 0 <= getattr(audit, key) <= 1:
            said.append(f"audit.{key} is a share in [0, 1], got {getattr(audit, key)}")
    return said
