"""Runs in a process of its own: the TFLite interpreter with its reference kernels.

A Job as JSON on stdin; its outputs are the answer.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.devices.microcontroller.job import Job
from edgekit.extras import load, runtime_of
from edgekit.npz import load_arrays, save_arrays
from edgekit.runtimes import feed
from edgekit.runtimes.feed import to_real


def main() -> int:
    """Answer one job."""
    job = Job.decode(sys.stdin.buffer.read())
    interpreter = _interpreter(str(job.artifact.path))
    inputs, outputs = job.artifact.inputs, job.artifact.outputs
    places = [detail["index"] for detail in interpreter.get_input_details()]
    ends = [detail["index"] for detail in interpreter.get_output_details()]

    def call(stored: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        interpreter.reset_all_variables()
        for spec, index in zip(inputs, places, strict=True):
            interpreter.set_tensor(index, stored[spec.name])
        interpreter.invoke()
        return {
            spec.name: to_real(interpreter.get_tensor(index), spec)
            for spec, index in zip(outputs, ends, strict=True)
        }

    save_arrays(job.outputs, feed.run_batches(inputs, load_arrays(job.samples), call))
    return 0


def _interpreter(path: str) -> Any:
    module = load(f"{runtime_of('tflite')}.interpreter")
    interpreter = module.Interpreter(
        model_path=path,
        num_threads=1,
        experimental_op_resolver_type=module.OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    return interpreter
