"""Quantizes a float TFLite file with the TFLite converter's own quantizer, on ranges of ours.

The converter's quantizer reads ranges from the tensors of a float file. So the file is converted
once, our ranges are written into it, and every candidate costs a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import TensorSpec
from edgekit.calibrate.samples import Samples
from edgekit.errors import QuantizeError
from edgekit.formats import tflite
from edgekit.quantizers import tables
from edgekit.trace.unroll import MOST_STEPS

Ranges = Mapping[str, tuple[float, float]]


def native_ranges(content: bytes, inputs: Sequence[TensorSpec], samples: Samples) -> bytes:
    """Let the converter's own calibrator run the samples; return the file with its min-max ranges.

    It sees what a trace cannot show: tensors that the converter made. It crashes on loops, so a
    file that has some comes back as it is.
    """
    if tflite.has_loops(content):
        return content
    from tensorflow.lite.python.optimize import calibrator

    prepared = calibrator.add_intermediate_tensors(content)
    return bytes(calibrator.Calibrator(prepared).calibrate(_feed(content, inputs, samples)))


def _feed(
    content: bytes, inputs: Sequence[TensorSpec], samples: Samples
) -> Callable[[], Iterator[list[NDArray[Any]]]]:
    order = tflite.signature_order(content, [spec.name for spec in inputs])

    def feed() -> Iterator[list[NDArray[Any]]]:
        for batch in samples.batches(1):
            values = [batch.inputs[inputs[i].name] for i in order]
            yield [np.asarray(v, inputs[i].dtype) for v, i in zip(values, order, strict=True)]

    return feed


def quantize(content: bytes, ranges: Ranges, *, io: str) -> bytes:
    """Quantize to int8 weights (per channel) and int8 activations.

    ``content`` is a float file, possibly with native ranges in it; ``ranges``, by tensor name, win
    over those. ``io`` is the dtype of inputs and outputs: float32, int8 or uint8.

    Raises:
        QuantizeError: the converter refuses; the text is its own.
    """
    if tflite.has_loops(content):
        from edgekit.quantizers.isolated import quantize_apart

        return quantize_apart(content, ranges, io=io)
    return quantize_here(content, ranges, io=io)


def quantize_here(content: bytes, ranges: Ranges, *, io: str) -> bytes:
    """Quantize in this process; a crash of the native quantizer takes it along."""
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize
    from tensorflow.lite.python.util import modify_model_io_type

    model = tflite.parse(content)
    names = tflite.io_names(model)
    tflite.set_ranges(model, ranges)
    tflite.share_ranges(model)
    hidden = tables.hide(model)
    # The quantizer makes ends of int8 or float32; those of uint8 are put in their place.
    dtype = tf.dtypes.as_dtype("float32" if io == "uint8" else io)
    try:
        quantized = mlir_quantize(
            tflite.pack(model),
            fully_quantize=dtype != tf.float32,
            input_data_type=dtype,
            output_data_type=dtype,
        )
        if io == "uint8":
            quantized = modify_model_io_type(bytes(quantized), tf.uint8, tf.uint8)
    except Exception as error:
        raise QuantizeError(f"the TFLite quantizer refuses: {_line(error)}") from error
    made = tflite.parse(bytes(quantized))
    tflite.sign(made, *names)
    tables.reveal(made, hidden)
    return tflite.pack(made)


def quantize_int16(
    content: bytes, inputs: Sequence[TensorSpec], samples: Samples, *, io: str
) -> bytes:
    """Quantize to int8 weights (per channel) and int16 activations, on min-max ranges.

    Raises:
        QuantizeError: the converter refuses; the text is its own.
    """
    if tflite.has_loops(content):
        raise QuantizeError(
            f"the TFLite converter's 16-bit quantizer does not enter loops: shorten sequences to "
            f"{MOST_STEPS} steps or fewer, which are unrolled, or take a float or dynamic target"
        )
    import tensorflow as tf
    from tensorflow.lite.python.optimize import calibrator

    names = tflite.io_names(tflite.parse(content))
    dtype = tf.dtypes.as_dtype(io)
    try:
        quantized = calibrator.Calibrator(content).calibrate_and_quantize(
            _feed(content, inputs, samples), dtype, dtype, False, tf.int16, tf.int64
        )
    except Exception as error:
        raise QuantizeError(f"the TFLite quantizer refuses: {_line(error)}") from error
    return tflite.rename_io(bytes(quantized), *names)


def _line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:300]
