"""What is said over the wire to a board, and what comes back."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from edgekit import catalog
from edgekit.errors import DeviceError, OptionError

MARK = b"EDGEKIT "
TOO_OLD = 93
"""The exit code of a Python before 3.9."""

# Double quotes only, and nothing in them that any shell knows: it passes sh, bash, csh and fish.
_START = (
    f"import sys;sys.version_info<(3,9)and sys.exit({TOO_OLD});import json;"
    "exec(json.loads(sys.stdin.buffer.readline()))"
)
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

    dtype: str
    shape: tuple[int, ...]
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Run:
    """One measurement on a board; ``outputs`` are those of each batch, in the file's order."""

    runtime: str
    version: str
    settings: str
    load_ms: float
    warmup_ms: tuple[float, ...]
    samples_ms: tuple[float, ...]
    memory_before_kib: float
    peak_kib: float
    outputs: tuple[tuple[RawArray, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a board is; "" or None is not told. Frequencies are those of its drivers."""

    model: str = ""
    cpu: str = ""
    machine: str = ""
    cores: int = 1
    features: str = ""
    governor: str = ""
    frequency_min_mhz: int | None = None
    frequency_max_mhz: int | None = None
    memory_kib: int | None = None
    os: str = ""
    kernel: str = ""
    python: str = ""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """How a board was at one moment: degrees C by place, the largest frequency, load, memory."""

    temperatures: Mapping[str, float] = field(default_factory=dict)
    frequency_mhz: int | None = None
    throttled: str = ""
    load: float | None = None
    memory_available_kib: int | None = None


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why there are no figures; for ``kind`` see ``edgekit.devices.remote.board``."""

    kind: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What comes back: that the board is ready, an error, or facts and perhaps a run."""

    ready: Mapping[str, str] = field(default_factory=dict)
    error: Refusal | None = None
    runtimes: Mapping[str, str] = field(default_factory=dict)
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
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeviceError(f"the agent gave no answer that can be read: {error}") from error
