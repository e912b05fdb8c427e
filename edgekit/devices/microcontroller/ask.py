"""Starts the processes that run a file in TensorFlow Lite Micro, and in the reference kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.devices.declaration import Device
from edgekit.devices.microcontroller.job import Answer, Job
from edgekit.devices.provision.packages import Package, Tool, last_line
from edgekit.errors import ArtifactError, DeviceError
from edgekit.files import scratch
from edgekit.npz import load_arrays, save_arrays

TIMEOUT_S = 900.0
MICRO = Tool(
    main=Package(name="tflite-micro", version="0.dev20261023182759", size_mb=0.7),
    others=(Package(name="pyyaml", version="6.0.3", size_mb=0.8),),
)
Outputs = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What TensorFlow Lite Micro did, its outputs, and those of the reference kernels.

    Outputs are real values by name, None where the file was refused; ``notes`` say why there may be
    outputs of the one and not of the other.
    """

    answer: Answer
    outputs: Outputs | None = None
    reference: Outputs | None = None
    notes: tuple[str, ...] = ()


def micro(device: Device) -> Tool:
    """Return the runtime at the version that the device asks for, else at that of edgekit."""
    return MICRO.at(device.runtime.version if device.runtime else "")


def ask(artifact: Artifact, samples: Mapping[str, NDArray[Any]], *, tool: Tool = MICRO) -> Told:
    """Run samples (real values, a row each) in both.

    Raises:
        DeviceError: a process died, or took more than 15 minutes.
    """
    with scratch() as folder:
        job = _job(artifact, samples, folder)
        answer = _decoded(_run("edgekit.devices.microcontroller.worker:main", job, tool))
        if answer.refusal:
            return Told(answer=answer)
        outputs = load_arrays(job.outputs)
        try:
            _run("edgekit.devices.microcontroller.reference:main", job, tool)
        except DeviceError as error:
            note = f"outputs were compared with nothing: this host's runtime failed: {error}"
            return Told(answer=answer, outputs=outputs, notes=(note,))
        return Told(answer=answer, outputs=outputs, reference=load_arrays(job.outputs))


def computed(artifact: Artifact, samples: Mapping[str, NDArray[Any]], *, tool: Tool) -> Outputs:
    """Run samples (real values, a row each) in TensorFlow Lite Micro alone.

    Raises:
        ArtifactError: it refuses the file.
        DeviceError: its process died, or took more than 15 minutes.
    """
    with scratch() as folder:
        job = replace(_job(artifact, samples, folder), search=False)
        answer = _decoded(_run("edgekit.devices.microcontroller.worker:main", job, tool))
        if answer.refusal:
            told = " ".join(answer.refusal)[:300]
            raise ArtifactError(f"{artifact.path}: TensorFlow Lite Micro refuses it: {told}")
        return load_arrays(job.outputs)


def _job(artifact: Artifact, samples: Mapping[str, NDArray[Any]], folder: Path) -> Job:
    job = Job(
        artifact=_absolute(artifact),
        samples=folder / "samples.npz",
        outputs=folder / "outputs.npz",
        log=folder / "log.txt",
    )
    save_arrays(job.samples, samples)
    return job


def _run(task: str, job: Job, tool: Tool) -> bytes:
    done = tool.run(task, stdin=job.encode(), timeout_s=TIMEOUT_S, folder=job.log.parent)
    if done.returncode:
        said = job.log.read_bytes() if job.log.is_file() else b""
        raise DeviceError(
            f"{job.artifact.path}: running it failed: {last_line(done.stderr or said)}"
        )
    return done.stdout


def _decoded(text: bytes) -> Answer:
    try:
        return msgspec.json.decode(text, type=Answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeviceError("tflite-micro: its process gave no answer; try again") from error


def _absolute(artifact: Artifact) -> Artifact:
    return replace(artifact, path=artifact.path.resolve())
