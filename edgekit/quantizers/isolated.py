"""Runs a native quantizer in a process of its own, where a crash of it is an error like another.

The TFLite quantizer has been seen to crash (signal 11) on files with loops. A crash would take the
whole conversion along, so such files are quantized apart.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from edgekit.errors import QuantizeError
from edgekit.files import scratch
from edgekit.spawn import python

_TIMEOUT_S = 1800
Ranges = Mapping[str, tuple[float, float]]


def quantize_apart(content: bytes, ranges: Ranges, *, io: str) -> bytes:
    """Do what ``tflite.quantize`` does, in a child process.

    Raises:
        QuantizeError: the quantizer refuses, crashes, or takes more than half an hour.
    """
    with scratch() as folder:
        (folder / "float.tflite").write_bytes(content)
        job = {"io": io, "ranges": {n: list(r) for n, r in ranges.items()}}
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        command = python(f"{__name__}:work", str(folder))
        try:
            done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise QuantizeError("the TFLite quantizer took more than half an hour") from error
        if done.returncode < 0:
            raise QuantizeError(
                f"the TFLite quantizer crashed (signal {-done.returncode}) on this model's loops; "
                "choose a float or dynamic target, or shorter sequences, which are unrolled"
            )
        refused = folder / "refused.txt"
        if refused.exists():
            raise QuantizeError(refused.read_text(encoding="utf-8"))
        if done.returncode:
            tail = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
            raise QuantizeError(f"the TFLite quantizer's process failed: {tail[-1]}")
        return (folder / "quantized.tflite").read_bytes()


def work(place: str) -> None:
    """Do the job in a folder; the result, or the reason against it, is left there."""
    from edgekit.quantizers.tflite import quantize_here

    folder = Path(place)
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    ranges = {name: (low, high) for name, (low, high) in job["ranges"].items()}
    content = (folder / "float.tflite").read_bytes()
    try:
        result = quantize_here(content, ranges, io=job["io"])
    except QuantizeError as error:
        (folder / "refused.txt").write_text(str(error), encoding="utf-8")
        return
    (folder / "quantized.tflite").write_bytes(result)
