"""What is said over the wire to a board, and what comes back."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec

from edgekit import catalog
from edgekit.errors import DeviceError, OptionError, one_line

MARK = b"EDGEKIT "
TOO_OLD = 93
"""The exit code of a Python before 3.9."""

# Double quotes only, and nothing in them that any shell knows: it passes sh, bash, csh and fish.
_START = (
    f"import sys;sys.version_info<(3,9)and sys.exit({TOO_OLD});import json;"
    "exec(json.loads(sys.stdin.buffer.readline()))"
)
# What a board may say: nothing longer, larger or more often, whatever program answers there.
Word = Annotated[str, msgspec.Meta(max_length=200)]
Words = Annotated[str, msgspec.Meta(max_length=20_000)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**40)]
Positive = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
Times = Annotated[tuple[Positive, ...], msgspec.Meta(max_length=1_000_000)]
Shape = Annotated[tuple[Count, ...], msgspec.Meta(max_length=32)]
Degrees = Annotated[float, msgspec.Meta(ge=-300, le=10_000)]
Named = Annotated[Mapping[Word, Word], msgspec.Meta(max_length=100)]

_PYTHON = re.compile(r"[A-Za-z0-9_./+][A-Za-z0-9_./+-]*")


def command(python: str) -> str:
    """Return the command for a board's shell: it runs the source that is the first line of stdin.

    Raises:
        OptionError: the interpreter's name or path has other than plain characters.
    """
    if not _PYTHON.fullmatch(python):
        raise OptionError(
            f"address.python: expected a name such as python3 or a path of letters, digits and"
            f" _ . / + -, got {python!r}"
        )
    return f'{shlex.quote(python)} -c "{_START}"'


def keeper_line() -> bytes:
    """Return the line with the source of what keeps the board's folder."""
    return json.dumps(agent_source("keeper.py").decode()).encode() + b"\n"


def agent_source(name: str) -> bytes:
    """Return a file of the agent's."""
    return (catalog.shipped("devicefarm") / "agent" / name).read_bytes()


def agent_files() -> dict[str, bytes]:
    """Return what the agent consists of, by name."""
    return {name: agent_source(name) for name in ("agent.py", "board.py", "engines.py")}


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What the agent is asked; see ``devicefarm/agent/agent.py``. Without a file: only facts."""

    format: str = ""
    file: str = ""
    data: str = ""
    inputs: tuple[Mapping[str, Any], ...] = ()
    batches: int = 0
    threads: int = 1
    warmup: int = 0
    min_runs: int = 1
    min_seconds: float = 0.0
    max_runs: int = 10_000
    runtime: str = ""
    limit_s: float = 60.0


@dataclass(frozen=True, kw_only=True)
class RawArray:
    """An output as the board stores it; ``data`` is base64 in JSON."""

    dtype: Word
    shape: Shape
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Run:
    """One measurement on a board; ``outputs`` are those of each batch, in the file's order."""

    runtime: Word
    version: Word
    settings: Word
    load_ms: Positive
    warmup_ms: Times
    samples_ms: Annotated[Times, msgspec.Meta(min_length=1)]
    memory_before_kib: Positive
    peak_kib: Positive
    outputs: tuple[tuple[RawArray, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a board is; "" or None is not told. Frequencies are those of its drivers."""

    model: Word = ""
    cpu: Word = ""
    machine: Word = ""
    cores: Annotated[int, msgspec.Meta(ge=1, le=2**16)] = 1
    features: Words = ""
    governor: Word = ""
    frequency_min_mhz: Count | None = None
    frequency_max_mhz: Count | None = None
    memory_kib: Count | None = None
    os: Word = ""
    kernel: Word = ""
    python: Word = ""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """How a board was at one moment: degrees C by place, the largest frequency, load, memory."""

    temperatures: Annotated[Mapping[Word, Degrees], msgspec.Meta(max_length=1000)] = field(
        default_factory=dict
    )
    frequency_mhz: Count | None = None
    throttled: Word = ""
    load: Positive | None = None
    memory_available_kib: Count | None = None


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why there are no figures; for ``kind`` see ``edgekit.devices.remote.board``."""

    kind: Word
    text: Words


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What comes back: that the board is ready, an error, or facts and perhaps a run."""

    ready: Mapping[Word, Words] = field(default_factory=dict)
    error: Refusal | None = None
    runtimes: Named = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)
    before: Moment = field(default_factory=Moment)
    after: Moment = field(default_factory=Moment)
    run: Run | None = None


def decoded(content: bytes) -> Answer:
    """Return what a board said.

    Raises:
        DeviceError: it is not what an agent of this version says.
    """
    try:
        return msgspec.json.decode(content, type=Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DeviceError(
            f"the agent gave no answer that can be read: {one_line(error)}; does another program"
            " answer there?"
        ) from error
