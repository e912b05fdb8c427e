"""TFLite's reference kernels, which give the same integers on every machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.devices.microcontroller.job import Job
from edgekit.devices.provision.command import output_of
from edgekit.errors import ArtifactError, one_line
from edgekit.extras import load, runtime_of
from edgekit.files import scratch
from edgekit.npz import load_arrays, save_arrays
from edgekit.runtimes import feed
from edgekit.runtimes.feed import to_real
from edgekit.spawn import python

_TIMEOUT_S = 900.0


def by_reference_kernels(
    artifact: Artifact, samples: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[np.float32]]:
    """Return outputs by name, real values, n rows each; state starts anew with each sample.

    Raises:
        ArtifactError: they do not take the file.
        DataError: the samples do not fit the inputs.
        MissingExtra: there is no TFLite runtime here.
    """
    try:
        return _run(artifact, samples)
    except (ValueError, RuntimeError) as error:
        raise ArtifactError(
            f"{artifact.path}: reference kernels cannot run it: {one_line(error)}"
        ) from error


def reference_outputs(
    artifact: Artifact, samples: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[np.float32]]:
    """Return what ``by_reference_kernels`` does, from a process of its own: some files end it.

    Raises:
        DeviceError: it failed.
    """
    with scratch() as folder:
        job = Job(
            artifact=replace(artifact, path=artifact.path.resolve()),
            samples=folder / "samples.npz",
            outputs=folder / "outputs.npz",
            log=folder / "log.txt",
        )
        save_arrays(job.samples, samples)
        (folder / "job.json").write_bytes(job.encode())
        command = python("edgekit.devices.reference_kernels:answer", str(folder / "job.json"))
        output_of(command, doing="running reference kernels", timeout_s=_TIMEOUT_S)
        return load_arrays(job.outputs)


def answer(path: str) -> int:
    """Answer the job in a file; runs in the process of its own."""
    job = Job.decode(Path(path).read_bytes())
    save_arrays(job.outputs, by_reference_kernels(job.artifact, load_arrays(job.samples)))
    return 0


def _run(artifact: Artifact, samples: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    interpreter = _interpreter(str(artifact.path))
    places = [detail["index"] for detail in interpreter.get_input_details()]
    ends = [detail["index"] for detail in interpreter.get_output_details()]

    def call(stored: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        interpreter.reset_all_variables()
        for spec, index in zip(artifact.inputs, places, strict=True):
            interpreter.set_tensor(index, stored[spec.name])
        interpreter.invoke()
        return {
            spec.name: to_real(interpreter.get_tensor(index), spec)
            for spec, index in zip(artifact.outputs, ends, strict=True)
        }

    return feed.run_batches(artifact.inputs, samples, call)


def _interpreter(path: str) -> Any:
    module = load(f"{runtime_of('tflite')}.interpreter")
    interpreter = module.Interpreter(
        model_path=path,
        num_threads=1,
        experimental_op_resolver_type=module.OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    return interpreter
