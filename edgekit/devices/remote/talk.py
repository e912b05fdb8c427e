"""One conversation with a board, whatever carries it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from typing import Protocol, TypeVar

from edgekit.devices.declaration import Device
from edgekit.devices.remote import protocol
from edgekit.devices.remote.frames import Frames, Reader, tail
from edgekit.devices.remote.protocol import Answer, Ask
from edgekit.errors import DeviceError

T = TypeVar("T")

QUICK_S = 15.0
"""After which a board that only has to say that it is there is given up."""
_LEAVE_S = 10.0
_CHUNK = 2**18


class Writer(Protocol):
    """Where bytes go; as of ``asyncio.StreamWriter``."""

    def write(self, data: bytes) -> None:
        """Queue bytes."""

    async def drain(self) -> None:
        """Wait until there is room for more."""

    def write_eof(self) -> None:
        """Say that nothing follows."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A program that runs on a board.

    ``ended`` waits for its end and returns its exit code; None if the connection was lost.
    """

    stdin: Writer
    stdout: Reader
    stderr: Reader
    ended: Callable[[], Awaitable[int | None]]


Opened = Callable[[Device], AbstractAsyncContextManager[Line]]


class Lacking(DeviceError):
    """The board is there, and something has to be installed on it."""


def converse(
    device: Device,
    opened: Opened,
    ask: Ask | None = None,
    *,
    files: Mapping[str, bytes] | None = None,
    limit_s: float = QUICK_S,
) -> Answer:
    """Return a board's answer; nothing stays there.

    Args:
        device: The board.
        opened: What connects to it.
        ask: The agent's job; if None, the board only has to say that it is ready.
        files: What the job needs, by name, beside the agent.
        limit_s: After which it is given up, connecting included.

    Raises:
        DeviceError: it cannot be reached, was lost, or gave no answer in time.
    """
    contents = {} if ask is None else protocol.agent_files() | dict(files or {})

    async def whole() -> Answer:
        try:
            async with asyncio.timeout(limit_s), opened(device) as line, _listened(line) as said:
                return await _asked(line, said, ask, contents)
        except TimeoutError as error:
            raise DeviceError(f"no answer within {limit_s:g} s; is it switched on?") from error

    return _waited_for(whole())


def _waited_for(work: Coroutine[None, None, T]) -> T:
    """Run it to its end, also where the caller is inside an event loop (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@contextlib.asynccontextmanager
async def _listened(line: Line) -> AsyncIterator[asyncio.Task[bytes]]:
    """Read what the program complains of all the while, lest it waits for a reader."""
    task = asyncio.create_task(tail(line.stderr))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _asked(
    line: Line, said: asyncio.Task[bytes], ask: Ask | None, files: Mapping[str, bytes]
) -> Answer:
    header = {
        "files": [{"name": name, "size": len(content)} for name, content in files.items()],
        "ask": asdict(ask) if ask else None,
        "limit_s": ask.limit_s if ask else QUICK_S,
    }
    frames = Frames(line.stdout)
    await _send(line, protocol.keeper_line() + json.dumps(header).encode() + b"\n")
    answer = await _answer(frames, line, said)
    if answer.error is None and files:
        for content in files.values():
            await _send(line, content)
        answer = await _answer(frames, line, said)
    # The keeper leaves by itself once it has cleaned up.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(line.ended(), _LEAVE_S)
    return answer


async def _send(line: Line, content: bytes) -> None:
    """Send bytes; where the board does not take them, its answer says why."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for start in range(0, len(content), _CHUNK):
            line.stdin.write(content[start : start + _CHUNK])
            await line.stdin.drain()


async def _answer(frames: Frames, line: Line, said: asyncio.Task[bytes]) -> Answer:
    """Return the next message, or say why there is none."""
    content = await frames.next()
    if content is None:
        raise _why_it_ended(await line.ended(), await said)
    return protocol.decoded(content)


def _why_it_ended(code: int | None, said: bytes) -> DeviceError:
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    last = lines[-1][:300] if lines else "nothing on stderr"
    if not code:  # the keeper never ends in peace without a word
        return DeviceError("the connection was lost; is it switched on, and the network there?")
    if code in (126, 127):
        return Lacking(
            f"no Python there that can be run ({last}); install Python 3.9 or later on the board,"
            " or name it as address.python"
        )
    if code == protocol.TOO_OLD:
        return Lacking(
            "expected Python 3.9 or later on the board, its own is older; install one, and name"
            " it as address.python"
        )
    return DeviceError(f"no answer: {last} (exit code {code})")
