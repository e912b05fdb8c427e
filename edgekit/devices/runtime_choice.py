"""Which of a device's runtimes takes a file."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from edgekit.artifact import Artifact
from edgekit.devices.declaration import Device
from edgekit.devices.state import state_of
from edgekit.errors import UnknownName

# runtime -> the format of the files that it takes, where a device has several runtimes.
FORMATS = {
    "ai-edge-litert": "tflite",
    "tflite-runtime": "tflite",
    "onnxruntime": "onnx",
    "openvino": "openvino",
    "litert-interpreter": "tflite",
}
WITH_STATE = "tflite with state"
"""What TFLite files are taken for that keep something: LiteRT's C interface refuses these."""

_KEEPING = ("litert-interpreter", "tflite-runtime")


def kind_of(artifact: Artifact) -> str:
    """Return what a runtime must take to run a file: its format, or more than that.

    Raises:
        ArtifactError: the file is damaged.
    """
    if artifact.format == "tflite" and state_of(artifact) != "none":
        return WITH_STATE
    return artifact.format


def takes(runtime: str, kind: str) -> bool:
    """Whether a runtime runs files of a kind, a format or ``WITH_STATE``."""
    return kind == FORMATS.get(runtime) or (kind == WITH_STATE and runtime in _KEEPING)


def runtimes_of(device: Device) -> list[str]:
    """Return the names of all runtimes of a device, its own first."""
    own = [device.runtime] if device.runtime is not None else []
    return [runtime.name for runtime in (*own, *device.optional_runtimes)]


def with_runtime(device: Device, name: str) -> Device:
    """Return the device with another of its runtimes in the place of its own.

    Raises:
        UnknownName: it has none of that name.
    """
    for runtime in (device.runtime, *device.optional_runtimes):
        if runtime is not None and runtime.name == name:
            return replace(device, runtime=runtime)
    raise UnknownName(f"runtime of {device.name}", name, runtimes_of(device))


def with_runtimes(device: Device, name: str) -> Sequence[Device]:
    """Return the device with the runtime of a name: as it is for none, with each for ``all``.

    Raises:
        UnknownName: it has none of that name.
    """
    if name == "all":
        return [with_runtime(device, each) for each in runtimes_of(device)] or [device]
    return [with_runtime(device, name) if name else device]


def for_format(device: Device, kind: str) -> Device:
    """Return the device with the runtime that takes files of a kind; as it is if none does."""
    if device.runtime is not None and takes(device.runtime.name, kind):
        return device
    for runtime in device.optional_runtimes:
        if takes(runtime.name, kind):
            return replace(device, runtime=runtime)
    return device


def install_command(device: Device, chosen: Device, called: str = "") -> str:
    """Return what brings a device with the runtime that was chosen for it.

    ``called`` is what a shell is to call it, where that is not its name.
    """
    command = f"edgekit devices install {called or shlex.quote(device.name)}"
    if chosen.runtime is None or chosen.runtime == device.runtime:
        return command
    return f"{command} --runtime {chosen.runtime.name}"
