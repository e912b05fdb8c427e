"""Runs in a process of its own: the TFLite interpreter with its reference kernels.

A Job as JSON on stdin; its outputs are the answer.
"""

from __future__ import annotations

import sys

from edgekit.devices.microcontroller.job import Job
from edgekit.devices.reference_kernels import by_reference_kernels
from edgekit.npz import load_arrays, save_arrays


def main() -> int:
    """Answer one job."""
    job = Job.decode(sys.stdin.buffer.read())
    save_arrays(job.outputs, by_reference_kernels(job.artifact, load_arrays(job.samples)))
    return 0
