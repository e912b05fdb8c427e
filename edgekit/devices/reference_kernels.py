"""TFLite's reference kernels, which give the same integers on every machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.errors import ArtifactError, one_line
from edgekit.extras import load, runtime_of
from edgekit.runtimes import feed
from edgekit.runtimes.feed import to_real


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
