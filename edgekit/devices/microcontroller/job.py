"""What the processes that run TensorFlow Lite Micro and its reference are asked, and answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from edgekit.artifact import Artifact


@dataclass(frozen=True, kw_only=True)
class Job:
    """Run ``samples`` (an ``edgekit.npz`` file of real values) and write outputs to ``outputs``.

    ``log`` takes what the runtime prints. Without ``search`` the smallest arena is not looked for.
    """

    artifact: Artifact
    samples: Path
    outputs: Path
    log: Path
    search: bool = True

    def encode(self) -> bytes:
        """Return the job as JSON."""
        return msgspec.json.encode(self, enc_hook=str)

    @classmethod
    def decode(cls, text: bytes) -> Job:
        """Return the job that ``encode`` wrote."""
        return msgspec.json.decode(text, type=cls, dec_hook=_path)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What TensorFlow Lite Micro did with a file.

    ``arena_bytes`` is the least arena that the file runs in, here, where pointers have 8 bytes;
    ``tensor_bytes`` of it are planned for tensors, and do not depend on that. None if it did not
    load. ``refusal`` is what the runtime printed when it gave up, ``unsupported`` the kinds of
    operators that it has no kernel for.
    """

    version: str
    arena_bytes: int | None = None
    tensor_bytes: int | None = None
    refusal: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()


def _path(kind: type, value: Any) -> Any:
    return kind(value)
