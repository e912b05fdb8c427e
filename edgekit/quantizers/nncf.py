"""Quantizes a float OpenVINO model with NNCF and its bias correction; then sets ranges of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.calibrate.samples import Samples
from edgekit.errors import QuantizeError, one_line
from edgekit.extras import load
from edgekit.quantizers.attention import spread_attention

Ranges = Mapping[str, tuple[float, float]]
_LEVELS = 256


def quantize(model: Any, samples: Samples, *, reduce_range: bool) -> Any:
    """Quantize to int8 weights (per channel) and int8 activations, with fast bias correction.

    ``model`` is an ``openvino.Model`` and is left alone. With ``reduce_range`` every weight stays
    within 7 bits (NNCF's overflow fix), for CPUs without VNNI.

    Raises:
        MissingExtra: the extra ``openvino`` is not installed.
        QuantizeError: NNCF refuses.
    """
    nncf = _nncf()

    def feed() -> Iterator[dict[str, NDArray[Any]]]:
        for batch in samples.batches(1):
            yield dict(batch.inputs)

    spread = model.clone()
    spread_attention(spread)
    fix = nncf.OverflowFix.ENABLE if reduce_range else nncf.OverflowFix.DISABLE
    try:
        return nncf.quantize(
            spread,
            nncf.Dataset(_Repeatable(feed)),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(samples),
            advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=fix),
        )
    except Exception as error:
        raise QuantizeError(f"NNCF refuses: {one_line(error)}") from error


def compress_weights(model: Any) -> Any:
    """Store weights as int8, per channel and asymmetric; activations and arithmetic stay float.

    Raises:
        MissingExtra: the extra ``openvino`` is not installed.
    """
    nncf = _nncf()
    return nncf.compress_weights(model.clone(), mode=nncf.CompressWeightsMode.INT8_ASYM)


def with_ranges(model: Any, ranges: Ranges, *, per_tensor: bool = False) -> Any:
    """Return a copy whose activation quantizers have ranges of ours, by the name of their source.

    Zero stays exactly representable: the range is moved to the nearest one whose zero point is an
    integer. Quantizers of unknown sources keep theirs, and those with a range per channel too,
    unless all shall be ``per_tensor``.
    """
    changed = model.clone()
    for node in changed.get_ops():
        if node.get_type_name() != "FakeQuantize":
            continue
        source = node.input_value(0).get_node()
        found = ranges.get(source.get_friendly_name())
        if found is None or source.get_type_name() == "Constant":
            continue
        if not (per_tensor or _scalar(node)):
            continue
        low, high = nudged(*found)
        for index, value in zip(range(1, 5), (low, high, low, high), strict=True):
            _replace(node, index, value)
    return changed


def with_biases_of(model: Any, original: Any) -> Any:
    """Return a copy in which every constant that is added is what it was before quantization.

    So bias correction is taken back: it changes the constants, not the names, of additions.
    """
    before = {node.get_friendly_name(): node for node in original.get_ops() if _adds(node)}
    changed = model.clone()
    for node in changed.get_ops():
        old = before.get(node.get_friendly_name()) if _adds(node) else None
        if old is None:
            continue
        for index in range(2):
            was, now = (n.input_value(index).get_node() for n in (old, node))
            if was.get_type_name() == now.get_type_name() == "Constant":
                _put(node, index, was.get_data())
    return changed


def _adds(node: Any) -> bool:
    return bool(node.get_type_name() == "Add")


def nudged(low: float, high: float) -> tuple[float, float]:
    """Move a range that contains 0 so that 0 falls on one of its 256 levels exactly.

    Jacob et al. 2018, section 3: zero_point = round(-low / scale), with scale kept.
    """
    scale = (high - low) / (_LEVELS - 1)
    if scale <= 0:
        return low, high
    zero_point = float(np.clip(np.round(-low / scale), 0, _LEVELS - 1))
    return -zero_point * scale, (_LEVELS - 1 - zero_point) * scale


def _scalar(node: Any) -> bool:
    return all(
        node.input_value(index).get_node().get_type_name() == "Constant"
        and int(np.prod(node.input_value(index).get_shape())) == 1
        for index in range(1, 5)
    )


def _replace(node: Any, index: int, value: float) -> None:
    _put(node, index, np.full(list(node.input_value(index).get_shape()), value, np.float32))


def _put(node: Any, index: int, value: NDArray[Any]) -> None:
    from openvino import opset13 as ops

    node.input(index).replace_source_output(ops.constant(value).output(0))


class _Repeatable:
    """An iterable that starts anew each time it is asked, so that samples are never kept."""

    def __init__(self, feed: Any) -> None:
        self._feed = feed

    def __iter__(self) -> Iterator[Any]:
        return iter(self._feed())


def _nncf() -> Any:
    nncf = load("nncf")
    nncf.set_log_level(40)
    return nncf
