"""Compiles a copy of a file with Vela, in a process of its own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from edgekit.artifact import Artifact
from edgekit.devices.declaration import Accelerator, Device
from edgekit.devices.npu.tables import Compiled, read
from edgekit.devices.provision.packages import Package, Tool, last_line
from edgekit.errors import DeviceError
from edgekit.files import scratch

TIMEOUT_S = 900.0
VELA = Tool(main=Package(name="ethos-u-vela", version="5.2.0", size_mb=2.0))
_REFUSED = "Compilation failed:"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The compiled file's figures, or why Vela refuses the file, on one line."""

    version: str = ""
    compiled: Compiled | None = None
    refusal: str = ""


def vela(device: Device) -> Tool:
    """Return Vela at the version that the device asks for, else at that which edgekit takes."""
    return VELA.at(device.runtime.version if device.runtime else "")


def compile_copy(artifact: Artifact, accelerator: Accelerator, *, tool: Tool = VELA) -> Outcome:
    """Compile a copy; the file itself is not touched, and nothing stays.

    Raises:
        DeviceError: Vela failed, or takes over 15 minutes.
    """
    with scratch() as folder:
        copy, written = folder / "model.tflite", folder / "compiled"
        shutil.copyfile(artifact.path, copy)
        done = tool.run(
            "edgekit.devices.npu.worker:main",
            *_arguments(copy, written, accelerator),
            timeout_s=TIMEOUT_S,
            folder=folder,
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace")
            if _REFUSED not in said:
                raise DeviceError(f"ethos-u-vela failed on {artifact.path}: {last_line(said)}")
            return Outcome(refusal=" ".join(said.partition(_REFUSED)[2].split())[:300])
        return Outcome(version=last_line(done.stdout), compiled=read(written))


def _arguments(copy: Path, written: Path, accelerator: Accelerator) -> list[str]:
    options = [
        ("--accelerator-config", accelerator.config),
        ("--config", "Arm/vela.ini"),
        ("--system-config", accelerator.system_config),
        ("--memory-mode", accelerator.memory_mode),
        ("--output-dir", str(written)),
    ]
    given = [part for name, value in options if value for part in (name, value)]
    return [str(copy), *given, "--verbose-performance", "--enable-debug-db"]
