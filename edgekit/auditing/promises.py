"""What a target promises and a file does not keep."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.artifact import TensorSpec
from edgekit.auditing.micro_kinds import MICRO_KERNELS
from edgekit.auditing.result import AuditResult, Operator
from edgekit.auditing.tflite_kinds import PER_CHANNEL_KERNELS
from edgekit.target import Target
from edgekit.trace.unroll import MOST_STEPS

_NAMED = 10
_LOOP = "/while/"  # part of the names of what Keras writes as a loop
# Where int8 stands for 8 bits of either sign; in TFLite uint8 is a scheme of its own, and old.
_ACCEPTED = {"onnx": ("uint8",), "openvino": ("uint8",)}
# Tokens, masks, lengths and class numbers: never quantized, whatever the target says.
_INDICES = ("int32", "int64", "uint32", "uint64", "bool", "string")


def broken_promises(result: AuditResult, target: Target) -> list[str]:
    """Return one line for each promise of the target that the file does not keep.

    Every line names the operators and layers, or the inputs and outputs, that break it. An empty
    list means that the file itself confirms all promises.
    """
    if result.format != target.format:
        return [f"format is {result.format}, the target promises {target.format}"]
    return [
        *_foreign(result, target),
        *_without_kernel(result, target),
        *_shapes(result, target),
        *_ends(result, target),
        *_weights(result, target),
        *_activations(result, target),
        *_floats(result, target),
        *_granularity(result, target),
        *_shares(result, target),
    ]


def _name(operators: Sequence[Operator]) -> str:
    """Name operators with their layers, the first ones of many."""
    said = [f"{op.kind} ({op.layer or f'operator {op.index}'})" for op in operators[:_NAMED]]
    more = len(operators) - len(said)
    return ", ".join(said) + (f" and {more} more" if more else "")


def _foreign(result: AuditResult, target: Target) -> list[str]:
    said = []
    for what, kinds, allowed in (
        ("Flex", result.flex, target.audit.allow_flex),
        ("custom", result.custom, target.audit.allow_custom_ops),
    ):
        if kinds and not allowed:
            named = [operator for operator in result.operators if operator.kind in kinds]
            said.append(f"{what} operators are not allowed, the file has {_name(named)}")
    return said


def _without_kernel(result: AuditResult, target: Target) -> list[str]:
    """Name what the promised runtime cannot compute; Flex and custom operators are told apart."""
    if target.audit.operators != "tflite-micro":
        return []
    known = MICRO_KERNELS.union(result.flex, result.custom)
    lacking = [operator for operator in result.operators if operator.kind not in known]
    if not lacking:
        return []
    return [f"TensorFlow Lite Micro has no kernel for {_name(lacking)}: replace those layers"]


def _shapes(result: AuditResult, target: Target) -> list[str]:
    if not target.audit.require_static_shapes:
        return []
    return [
        f"input {spec.name!r} has the shape ({', '.join(str(size or '?') for size in spec.shape)})"
        f", one sample of a fixed shape is promised; --input-shape fixes open dimensions"
        for spec in result.inputs
        if None in spec.shape or (spec.shape and spec.shape[0] != 1)
    ]


def _ends(result: AuditResult, target: Target) -> list[str]:
    promised = target.quantization.io
    said = []
    for what, specs in (("input", result.inputs), ("output", result.outputs)):
        wrong = [s for s in specs if s.dtype != promised and not _is_own(s)]
        said += [f"{what} {_spec(spec)}, the target promises {promised}" for spec in wrong]
    return said


def _is_own(spec: TensorSpec) -> bool:
    """Whether a type is the model's own, as of tokens or raw pixels, and stands for no real one."""
    raw = spec.dtype in ("uint8", "int8", "uint16", "int16") and spec.scale is None
    return raw or spec.dtype in _INDICES


def _spec(spec: TensorSpec) -> str:
    return f"{spec.name!r} is {spec.dtype}"


def _heavy(result: AuditResult) -> list[Operator]:
    """Return the operators that multiply by stored weights."""
    return [op for op in result.operators if op.weights and op.macs]


def _weights(result: AuditResult, target: Target) -> list[str]:
    promised, heavy = target.quantization.weights, _heavy(result)
    if not heavy:
        return []
    if promised in ("int8", "int4"):
        kept = {"int8": ("int8", "uint8"), "int4": ("int4", "uint4")}[promised]
        if any(op.weights in kept or op.precision.startswith(promised) for op in heavy):
            return []
        return [f"no weights are stored as {promised}: {_name(heavy)}"]
    wrong = [op for op in heavy if op.weights != promised]
    return [f"weights are not {promised}: {_name(wrong)}"] if wrong else []


def _activations(result: AuditResult, target: Target) -> list[str]:
    promised, heavy = target.quantization.activations, _heavy(result)
    if not heavy:
        return []
    if promised == "dynamic":
        fixed = [op for op in heavy if op.numbers == "integer" and "dynamic" not in op.precision]
        if fixed:
            return [f"activations have fixed ranges, dynamic is promised: {_name(fixed)}"]
        if not any("dynamic" in op.precision for op in heavy):
            return [f"no activations are quantized at run time: {_name(heavy)}"]
        return []
    if promised in ("int8", "int16"):
        accepted = _ACCEPTED.get(result.format, ()) if promised == "int8" else ()
        other = [
            op for op in heavy if op.numbers == "integer" and _read(op) not in (promised, *accepted)
        ]
        said = [f"activations are not {promised}: {_name(other)}"] if other else []
        if not any(op.numbers == "integer" for op in heavy):
            said.append(f"nothing computes in {promised}: {_name(heavy)}")
        return said
    quantized = [
        op for op in result.operators if op.numbers == "integer" or "dynamic" in op.precision
    ]
    wrong = [op for op in quantized if op.macs] or [
        op for op in heavy if promised == "float16" and op.precision != "float16"
    ]
    return [f"activations are not {promised}: {_name(wrong)}"] if wrong else []


def _read(operator: Operator) -> str:
    """Return the type of activations that an integer operator reads."""
    return operator.precision.split(",")[0]


def _floats(result: AuditResult, target: Target) -> list[str]:
    floats = [operator for operator in result.operators if operator.numbers == "float"]
    if target.audit.allow_float_ops or not floats:
        return []
    said = f"float operators are not allowed, the file has {len(floats)}: {_name(floats)}"
    return ["; ".join((said, *_way_out(result, floats, target)))]


def _way_out(result: AuditResult, floats: Sequence[Operator], target: Target) -> list[str]:
    """Say what to do about operators that stayed in float, of a file that was quantized."""
    if any(_LOOP in f"/{operator.layer}/" for operator in floats):
        return [
            f"no quantizer enters loops: shorten sequences to {MOST_STEPS} steps or fewer, which "
            "are unrolled (--input-shape, where the length is open), or take a float or dynamic "
            "target"
        ]
    if all(operator.numbers == "float" for operator in result.operators if operator.macs):
        return []
    kinds = ", ".join(sorted({operator.kind for operator in floats}))
    wide = target.format == "tflite" and target.quantization.activations == "int16"
    other = "tflite-int8, which writes functions as tables, or " if wide else ""
    return [
        f"no quantizer writes {kinds} with {target.quantization.activations} activations: replace "
        f"that layer or activation, or take {other}a target with allow_float_ops"
    ]


def _granularity(result: AuditResult, target: Target) -> list[str]:
    """Name the weights with one scale for all channels, where a kernel for more exists.

    Recurrent and batched products have no such kernel in TFLite and are left out.
    """
    wrong = [
        op
        for op in result.operators
        if op.per_channel is False
        and op.macs
        and (result.format != "tflite" or op.kind in PER_CHANNEL_KERNELS)
    ]
    if not target.audit.require_per_channel or not wrong:
        return []
    return [f"weights are per tensor, per channel is promised: {_name(wrong)}"]


def _shares(result: AuditResult, target: Target) -> list[str]:
    said = []
    least = target.audit.min_integer_mac_share
    if result.macs and result.integer_mac_share < least:
        floats = [op for op in result.operators if op.macs and op.numbers != "integer"]
        text = (
            f"integer_mac_share is {result.integer_mac_share:.3f}, at least {least:g} is promised: "
            f"{_name(sorted(floats, key=lambda op: -op.macs))}"
        )
        loops = target.audit.allow_float_ops and any(_LOOP in f"/{op.layer}/" for op in floats)
        said.append("; ".join((text, *(_way_out(result, floats, target) if loops else ()))))
    least = target.audit.min_integer_weight_share
    if result.weight_bytes and result.integer_weight_share < least:
        floats = [op for op in result.operators if op.weights and "int" not in op.weights]
        said.append(
            f"integer_weight_share is {result.integer_weight_share:.3f}, at least {least:g} is "
            f"promised: {_name(floats) or 'constants outside of weights'}"
        )
    return said
