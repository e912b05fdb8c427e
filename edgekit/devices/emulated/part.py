"""What an emulated board is made of, and the program that runs on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from edgekit.devices.backend import Fetch
from edgekit.progress import Progress

ROOM = "edgekit"  # the folder of its own that a program has, below the prefix


class Part(Protocol):
    """Something in the store, in the folder of its name."""

    @property
    def name(self) -> str:
        """What its folder is called."""

    def needs(self) -> list[Fetch]:
        """Return what ``fetch`` would bring; nothing once it is there."""

    def fetch(self, progress: Progress) -> None:
        """Bring it; if it is there it does nothing.

        Raises:
            DeviceError: it cannot be fetched or built.
        """


@dataclass(frozen=True, kw_only=True)
class Program:
    """What runs files on the device: FOLDER MODE SAMPLES MARKED, see ``emulator/runner.c``.

    Args:
        file: The program; ``before`` are its first words.
        plugin: What counts.
        room: What the program sees in its folder, by path.
        system: What it sees below ``/``, by path.
        marked: How many inferences are marked off, of which the last counts; at least 2.
        plain: Whether it computes as TFLite's reference kernels do, not as XNNPACK.
        idle: Whether it marks off as many calls that do nothing, after the inferences.
        called: What it is told that its own name is; that of its file if empty.
        before: See ``file``.
        folder: How it is told of its folder: below ``/``, or below where it is started.
        environment: All that it gets.
    """

    file: Path
    plugin: Path
    room: Mapping[str, Path]
    system: Mapping[str, Path]
    marked: int = 2
    plain: bool = False
    idle: bool = False
    called: str = ""
    before: tuple[str, ...] = ()
    folder: str = f"/{ROOM}"
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What a run takes; ``search`` is where qemu finds libraries that the machine lacks."""

    qemu: Path
    search: Path
    program: Program
