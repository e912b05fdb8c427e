"""Runs firmware under qemu-system-arm, and reads what it computed and cost."""

from __future__ import annotations

import math
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import TensorSpec
from edgekit.devices.figures import Counts
from edgekit.devices.firmware import tools
from edgekit.devices.firmware.build import ELF, Built
from edgekit.devices.firmware.machines import Machine
from edgekit.devices.provision.command import telling
from edgekit.errors import DeviceError

TIMEOUT_S = 600.0
_COUNTS = "counts.txt"
_WHY = {
    3: "it faulted: the model's activations are larger than the emulated board's memory,"
    " or its code is wrong",
    4: "it could not read its inputs",
    5: "it could not write its outputs",
}


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What came back: outputs of each sample, most stack in use, counts of each inference."""

    outputs: tuple[tuple[NDArray[Any], ...], ...]
    stack_bytes: int
    counts: tuple[Counts, ...]


def byte_sizes(specs: Sequence[TensorSpec]) -> list[int]:
    """Return how many bytes one sample of each tensor takes."""
    return [math.prod(_shape(spec)) * np.dtype(spec.dtype).itemsize for spec in specs]


def run(
    folder: Path, machine: Machine, built: Built,
    *, batches: Sequence[Sequence[NDArray[Any]]], outputs: Sequence[TensorSpec],
) -> Ran:  # fmt: skip
    """Run ``firmware.elf`` on samples, each a batch of one.

    Raises:
        DeviceError: it faulted, or did not end in 10 minutes.
    """
    stored = b"".join(array.tobytes() for batch in batches for array in batch)
    (folder / "inputs.bin").write_bytes(stored)
    _emulate(folder, machine, built)
    content = (folder / "outputs.bin").read_bytes()
    wanted = len(batches) * sum(byte_sizes(outputs)) + 4
    counts = tuple(map(_counts, (folder / _COUNTS).read_text().splitlines()))
    if len(content) != wanted or len(counts) != len(batches):
        raise DeviceError("the firmware wrote other outputs than expected; try again")
    (stack,) = struct.unpack("<I", content[-4:])
    return Ran(
        outputs=tuple(_samples(content, outputs, len(batches))), stack_bytes=stack, counts=counts
    )


def _emulate(folder: Path, machine: Machine, built: Built) -> None:
    given = f"{tools.plugin()},out={_COUNTS},begin={built.begin & ~1:x},end={built.end & ~1:x}"
    command = [
        str(tools.qemu()), "-machine", machine.name, "-display", "none", "-monitor", "none",
        "-serial", "none", "-nodefaults", "-semihosting-config", "enable=on,target=native",
        "-sandbox", "on,spawn=deny,elevateprivileges=deny,obsolete=deny",
        "-L", str(tools.QEMU.root / "usr/share/qemu"), "-kernel", ELF, "-plugin", given,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT_S,
            env=tools.environment(tools.QEMU.root),
        )  # fmt: skip
    except OSError as error:
        raise DeviceError(f"running the firmware: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise DeviceError(
            f"running the firmware: no end after {TIMEOUT_S:g} s; try a smaller model"
        ) from error
    if done.returncode:
        why = telling(done.stderr) or _WHY.get(done.returncode, f"exit code {done.returncode}")
        raise DeviceError(f"running the firmware: {why}")


def _counts(line: str) -> Counts:
    instructions, loads, stores, load_bytes, store_bytes = map(int, line.split())
    return Counts(
        instructions=instructions, loads=loads, stores=stores, load_bytes=load_bytes,
        store_bytes=store_bytes,
    )  # fmt: skip


def _samples(content: bytes, specs: Sequence[TensorSpec], count: int) -> list[Any]:
    found, at = [], 0
    for _ in range(count):
        arrays = []
        for spec, size in zip(specs, byte_sizes(specs), strict=True):
            flat = np.frombuffer(content[at : at + size], np.dtype(spec.dtype))
            arrays.append(flat.reshape(_shape(spec)))
            at += size
        found.append(tuple(arrays))
    return found


def _shape(spec: TensorSpec) -> tuple[int, ...]:
    return tuple(size or 1 for size in spec.shape)
