"""Times single inferences of a TFLite file in the tightest loop that Python has.

    python -m benchmarks.peers.bare_loop FILE WARMUP RUNS

Prints the nanoseconds of each as JSON. Nothing of edgekit is imported.
"""

# ruff: noqa: TID253

from __future__ import annotations

import json
import sys
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main() -> None:
    """Time one file; inputs are random over the whole range of integers, normal for floats."""
    path, warmup, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    rng = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        shape, dtype = detail["shape"], np.dtype(detail["dtype"])
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            drawn = rng.integers(limits.min, limits.max, shape, dtype=np.int64, endpoint=True)
        else:
            drawn = rng.standard_normal(shape)
        interpreter.set_tensor(detail["index"], drawn.astype(dtype))
    invoke, clock, taken = interpreter.invoke, time.perf_counter_ns, []
    for _ in range(warmup):
        invoke()
    for _ in range(runs):
        started = clock()
        invoke()
        taken.append(clock() - started)
    print(json.dumps(taken))


if __name__ == "__main__":
    main()
