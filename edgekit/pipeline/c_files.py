"""A target's artifact as C, with what TensorFlow Lite Micro needs for it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edgekit.artifact import Artifact
from edgekit.auditing import AuditResult
from edgekit.devices.agreement import default_samples
from edgekit.devices.declaration import load_device
from edgekit.devices.figures import DeviceMeasurement
from edgekit.devices.microcontroller.answers import least_bytes, measurement
from edgekit.devices.microcontroller.ask import MICRO, Told, ask
from edgekit.devices.microcontroller.c_source import c_source
from edgekit.report.model import CSourceFacts
from edgekit.target import Target

DEVICE = "cortex-m4"  # no board in particular: its memory has no limits
_UNKNOWN = (
    "the size of the arena is not known, and no constant of the C header: TensorFlow Lite Micro is "
    f"not installed; run `edgekit devices install {DEVICE}`, and convert again"
)


@dataclass(frozen=True, kw_only=True)
class CFiles:
    """What was written, what casts doubt on it, and why the runtime refuses the file."""

    facts: CSourceFacts
    warnings: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    tools: tuple[tuple[str, str], ...] = ()


def runtime(target: Target) -> str | None:
    """Return the version of TensorFlow Lite Micro that would be asked; None if none would be."""
    if not target.c_source or MICRO.missing():
        return None
    try:
        return version(MICRO.main.name)
    except PackageNotFoundError:
        return MICRO.main.version


def write(artifact: Artifact, audited: AuditResult, *, name: str, folder: Path) -> CFiles:
    """Write header and source into a folder; the same artifact, name and tools, the same bytes.

    Raises:
        DeviceError: TensorFlow Lite Micro is there, but gives no answer.
    """
    told, found = (None, None) if MICRO.missing() else _asked(artifact, audited)
    made = c_source(
        artifact.path.read_bytes(),
        name=name,
        inputs=artifact.inputs,
        outputs=artifact.outputs,
        operators=[operator.kind for operator in audited.operators],
        arena_bytes=None if told is None else told.answer.arena_bytes,
    )
    files = {f"{made.name}.h": made.header, f"{made.name}.c": made.source}
    for file, text in files.items():
        (folder / file).write_text(text, encoding="ascii", newline="\n")
    sizes = {file: len(text) for file, text in files.items()}
    if told is None or found is None:
        return CFiles(facts=CSourceFacts(files=sizes), warnings=(_UNKNOWN,))
    answer = told.answer
    return CFiles(
        facts=CSourceFacts(
            files=sizes,
            arena_bytes=answer.arena_bytes,
            arena_bytes_least=least_bytes(answer),
            tensor_bytes=answer.tensor_bytes,
            agreement=found.agreement,
        ),
        warnings=found.warnings,
        refusals=found.misfits,
        tools=((MICRO.main.name, answer.version),),
    )


def _asked(artifact: Artifact, audited: AuditResult) -> tuple[Told, DeviceMeasurement]:
    told = ask(artifact, default_samples(artifact))
    return told, measurement(load_device(DEVICE), artifact, audited=audited, told=told)
