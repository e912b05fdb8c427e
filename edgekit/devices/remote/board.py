"""What real boards have in common, whatever carries the conversation."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np

from edgekit import runtimes
from edgekit.artifact import Artifact
from edgekit.devices import known_model
from edgekit.devices.agreement import default_samples, here
from edgekit.devices.backend import Outputs, Request, State, demand_sense
from edgekit.devices.declaration import Device
from edgekit.devices.figures import DeviceMeasurement
from edgekit.devices.remote.payload import real_outputs
from edgekit.devices.remote.protocol import Answer, Ask, Refusal, Run
from edgekit.devices.remote.results import measurement
from edgekit.devices.remote.talk import Lacking, Opened, converse
from edgekit.devices.stored import Samples, stored_batches
from edgekit.errors import ArtifactError, DeviceBusy, DeviceError
from edgekit.files import scratch

TIMEOUT_S = 900.0
_ONCE = Request(warmup=0, min_runs=1, min_seconds=0.0)
_TFLITE = ("ai-edge-litert", "tflite-runtime")


def state_of(device: Device, opened: Opened) -> State:
    """Say whether a board answers; it is given some seconds."""
    try:
        answer = converse(device, opened)
    except Lacking as error:
        return State(readiness="needs install", why=str(error))
    except DeviceError as error:
        return State(readiness="unreachable", why=str(error))
    if answer.error is not None:
        return State(readiness="unreachable", why=_said(answer.error))
    return State(readiness="ready")


def measure_on(
    device: Device, artifact: Artifact, request: Request, opened: Opened
) -> DeviceMeasurement:
    """Say what a file costs on a board; see ``Backend``."""
    samples = request.samples or default_samples(artifact)
    ask, files = prepared(device, artifact, request, samples)
    reference = here(artifact, samples)
    with _named(device, artifact):
        answer = converse(device, opened, ask, files=files, limit_s=2 * TIMEOUT_S)
        run = _run_of(artifact, answer)
        return measurement(
            device, artifact, ask=ask, answer=answer, run=run, samples=samples, reference=reference
        )


def outputs_on(device: Device, artifact: Artifact, samples: Samples, opened: Opened) -> Outputs:
    """Return a board's outputs; see ``Computes``."""
    ask, files = prepared(device, artifact, _ONCE, samples)
    with _named(device, artifact):
        answer = converse(device, opened, ask, files=files, limit_s=2 * TIMEOUT_S)
        return real_outputs(artifact, samples, _run_of(artifact, answer).outputs)


@contextlib.contextmanager
def _named(device: Device, artifact: Artifact) -> Iterator[None]:
    """Let errors begin with whose they are."""
    try:
        yield
    except DeviceError as error:
        raise type(error)(f"{device.name}: {error}") from error
    except ArtifactError as error:
        raise ArtifactError(f"{artifact.path}: {device.name}: {error}") from error


def check_on(device: Device, opened: Opened) -> Sequence[str]:
    """Run a file whose outputs are known, where a board has a runtime for it."""
    try:
        answer = converse(device, opened, Ask(), limit_s=60.0)
        if answer.error is not None:
            return [_said(answer.error)]
        if not answer.runtimes:
            return ["no runtime there; on the board: python3 -m pip install ai-edge-litert"]
        if not set(_TFLITE).intersection(answer.runtimes):
            return []
        return _known(device, opened)
    except (DeviceError, ArtifactError) as error:
        return [str(error)]


def _known(device: Device, opened: Opened) -> Sequence[str]:
    with scratch() as folder:
        path = folder / "known.tflite"
        path.write_bytes(known_model.content())
        artifact = runtimes.describe(path)
        samples = {artifact.inputs[0].name: known_model.samples()}
        ask, files = prepared(device, artifact, _ONCE, samples)
        answer = converse(device, opened, ask, files=files, limit_s=60.0)
    outputs = real_outputs(artifact, samples, _run_of(artifact, answer).outputs)
    if np.array_equal(outputs[artifact.outputs[0].name], known_model.expected()):
        return []
    return ["a convolution whose outputs are known came out wrong there: trust no figure of it"]


def prepared(
    device: Device, artifact: Artifact, request: Request, samples: Samples
) -> tuple[Ask, dict[str, bytes]]:
    """Return the agent's job, and the files that it needs.

    Raises:
        OptionError: a number of the request is out of range.
        DataError: the samples do not fit the file's inputs.
    """
    threads = 1 if request.threads is None else request.threads
    demand_sense(request, most_seconds=TIMEOUT_S / 2)
    batches = stored_batches(artifact, samples)
    ask = Ask(
        format=artifact.format,
        file=f"model{artifact.path.suffix}",
        data="inputs.bin",
        inputs=tuple({"dtype": a.dtype.name, "shape": list(a.shape)} for a in batches[0]),
        batches=len(batches),
        threads=threads,
        warmup=request.warmup,
        min_runs=request.min_runs,
        min_seconds=request.min_seconds,
        runtime=device.runtime.name if device.runtime else "",
        limit_s=TIMEOUT_S,
    )
    files = {f"model{path.suffix}": path.read_bytes() for path in artifact.files}
    return ask, files | {"inputs.bin": b"".join(a.tobytes() for one in batches for a in one)}


def _run_of(artifact: Artifact, answer: Answer) -> Run:
    if answer.error is not None and answer.error.kind == "file":
        raise ArtifactError(" ".join(answer.error.text.split()))
    if answer.error is not None:
        kind = DeviceBusy if answer.error.kind == "busy" else DeviceError
        raise kind(_said(answer.error))
    if answer.run is None:
        raise DeviceError(f"the agent said nothing of {artifact.path.name}; try again")
    return answer.run


def _said(refusal: Refusal) -> str:
    """Return a refusal and what to do."""
    words = {
        "full": "no room on the board's disk: {}; free some, or set TMPDIR there to another place",
        "died": "the agent died ({}); too little memory does that, or a runtime that was built for"
        " another processor",
        "busy": "{}; try again later",
        "time": "{}; use a smaller model, or fewer runs",
        "system": "the board's system refused: {}",
    }
    return words.get(refusal.kind, "{}").format(" ".join(refusal.text.split()))
