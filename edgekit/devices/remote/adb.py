"""Boards and phones over ADB, through its command-line client."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from edgekit.artifact import Artifact
from edgekit.devices.backend import Fetch, Outputs, Request, Samples, State
from edgekit.devices.declaration import Address, Device
from edgekit.devices.figures import DeviceMeasurement
from edgekit.devices.provision.apt import Bundle
from edgekit.devices.provision.command import telling
from edgekit.devices.remote import board, protocol
from edgekit.devices.remote.talk import Line
from edgekit.errors import DeviceError, OptionError, one_line
from edgekit.progress import Progress

CLIENT = Bundle(name="adb", packages=("adb",), size_mb=2.0)
_INSIDE = Path("usr/lib/android-sdk/platform-tools/adb")


class AdbBackend:
    """Measures on what ``adb devices`` lists, where it has Python."""

    def state(self, device: Device) -> State:
        """Say whether the client is there, and ask the board for Python; quick."""
        if _client() is None:
            return State(readiness="needs install", why="lacks adb: apt-get install adb")
        return board.state_of(device, opened)

    def needs(self, device: Device) -> Sequence[Fetch]:
        """Return the client, if it is not there."""
        return () if _client() else CLIENT.needs()

    def install(self, device: Device, progress: Progress) -> None:
        """Bring the client into the user's cache folder; see ``Backend``."""
        if _client() is None:
            CLIENT.fetch(progress)

    def folders(self, device: Device) -> Sequence[str]:
        """Return what it uses of the store; see ``Stores``."""
        return [CLIENT.name]

    def check(self, device: Device) -> Sequence[str]:
        """Run a file whose outputs are known; see ``Backend``."""
        return board.check_on(device, opened)

    def measure(self, device: Device, artifact: Artifact, request: Request) -> DeviceMeasurement:
        """Measure; see ``Backend``."""
        return board.measure_on(device, artifact, request, opened)

    def outputs(self, device: Device, artifact: Artifact, samples: Samples) -> Outputs:
        """Run samples there; see ``Computes``."""
        return board.outputs_on(device, artifact, samples, opened)


@contextlib.asynccontextmanager
async def opened(device: Device) -> AsyncIterator[Line]:
    """Start the keeper on a board.

    Raises:
        DeviceError: there is no client.
        OptionError: the declaration lacks something.
    """
    address = _address(device)
    command = protocol.command(address.python)
    if ":" in address.serial:
        await _connect(address.serial)
    process = await _started("-s", address.serial, "shell", "-T", command)
    try:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise DeviceError("adb: no pipes to it; try again")
        yield Line(
            stdin=process.stdin, stdout=process.stdout, stderr=process.stderr, ended=process.wait
        )
    finally:
        await _gone(process)


async def _connect(serial: str) -> None:
    """Have the server connect to a board on the network; again, it does nothing."""
    process = await _started("connect", serial)
    try:
        said, _ = await process.communicate()
    finally:
        await _gone(process)
    if not said.startswith((b"connected to", b"already connected")):
        raise DeviceError(f"{serial} cannot be reached: {telling(said)}")


async def _started(*arguments: str) -> Process:
    client = _client()
    if client is None:
        raise DeviceError("no adb here; apt-get install adb")
    path, environment = client
    try:
        return await asyncio.create_subprocess_exec(
            path, *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment
        )
    except OSError as error:
        raise DeviceError(f"adb cannot be started: {one_line(error)}") from error


async def _gone(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _client() -> tuple[str, Mapping[str, str]] | None:
    """Return the client and its environment: the machine's own, or the one that was fetched."""
    if found := shutil.which("adb"):
        return found, os.environ
    path = CLIENT.root / _INSIDE
    if not path.is_file():
        return None
    folders = [str(p.parent) for p in (CLIENT.root / "usr" / "lib").rglob("*.so*")]
    return str(path), os.environ | {"LD_LIBRARY_PATH": ":".join(sorted(set(folders)))}


def _address(device: Device) -> Address:
    if device.address is None or not device.address.serial:
        raise OptionError(
            f"{device.name}: a device of kind adb needs [address] with serial, as `adb devices`"
            " lists it"
        )
    return device.address
