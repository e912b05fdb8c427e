"""A device as ADB sees it: answers the real client, and runs commands in a shell of this machine.

Only what edgekit uses: the handshake without keys, and the shell service, version 2, with stdin.
Usage: adb_daemon.py PORT FEATURES
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass, field

CNXN, OPEN, OKAY, CLSE, WRTE = (
    int.from_bytes(name, "little") for name in (b"CNXN", b"OPEN", b"OKAY", b"CLSE", b"WRTE")
)
VERSION, MOST = 0x01000000, 2**18
STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN = range(5)


@dataclass
class Stream:
    """One service that the client opened."""

    ours: int
    theirs: int
    connection: Connection
    incoming: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    taken: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, data: bytes) -> None:
        """Send data, as much at once as the client takes; each has to be confirmed."""
        for start in range(0, len(data), self.connection.most):
            self.taken.clear()
            piece = data[start : start + self.connection.most]
            self.connection.send(WRTE, self.ours, self.theirs, piece)
            await self.taken.wait()


class Connection:
    """One client."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, features: str
    ) -> None:
        self.reader, self.writer, self.features = reader, writer, features
        self.most = 4096
        self.streams: dict[int, Stream] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    def send(self, command: int, first: int, second: int, data: bytes = b"") -> None:
        """Send one message."""
        checksum = sum(data) & 0xFFFFFFFF
        heading = (command, first, second, len(data), checksum, command ^ 0xFFFFFFFF)
        self.writer.write(struct.pack("<6I", *heading) + data)

    async def serve(self) -> None:
        """Answer until the client leaves."""
        try:
            while True:
                heading = await self.reader.readexactly(24)
                command, first, second, size, _, _ = struct.unpack("<6I", heading)
                self.take(command, first, second, await self.reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            for stream in self.streams.values():
                stream.incoming.put_nowait(b"")

    def take(self, command: int, first: int, second: int, data: bytes) -> None:
        """Do what one message says."""
        if command == CNXN:
            self.most = min(second, MOST)
            banner = f"device::ro.product.name=test;features={self.features}"
            self.send(CNXN, VERSION, MOST, banner.encode())
        elif command == OPEN:
            stream = Stream(len(self.tasks) + 1, first, self)
            self.streams[stream.ours] = stream
            task = asyncio.create_task(self.service(stream, data.rstrip(b"\0").decode()))
            self.tasks.add(task)
        elif second not in self.streams:
            if command == WRTE:
                self.send(CLSE, 0, first)
        elif command == OKAY:
            self.streams[second].taken.set()
        elif command == WRTE:
            self.streams[second].incoming.put_nowait(data)
        elif command == CLSE:
            stream = self.streams.pop(second)
            stream.incoming.put_nowait(b"")
            stream.taken.set()

    async def service(self, stream: Stream, name: str) -> None:
        """Run what the client asked for."""
        kind, _, command = name.partition(":")
        if kind.split(",")[0] == "shell" and "v2" in kind.split(","):
            self.send(OKAY, stream.ours, stream.theirs)
            await shell(stream, command)
        self.send(CLSE, stream.ours, stream.theirs)
        self.streams.pop(stream.ours, None)


def packet(kind: int, data: bytes) -> bytes:
    return struct.pack("<BI", kind, len(data)) + data


async def shell(stream: Stream, command: str) -> None:
    """Run a command, whose stdin ends when the client leaves."""
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", command, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )

    async def pump(reader: asyncio.StreamReader, kind: int) -> None:
        while data := await reader.read(2**16):
            await stream.write(packet(kind, data))

    feeding = asyncio.create_task(feed(stream, process.stdin))
    await asyncio.gather(pump(process.stdout, STDOUT), pump(process.stderr, STDERR))
    code = await process.wait()
    feeding.cancel()
    await stream.write(packet(EXIT, bytes([code & 0xFF])))


async def feed(stream: Stream, stdin: asyncio.StreamWriter) -> None:
    """Hand on what the client sends; each message is confirmed when there is room for more."""
    buffer = b""
    while data := await stream.incoming.get():
        buffer += data
        while len(buffer) >= 5:
            kind, size = struct.unpack("<BI", buffer[:5])
            if len(buffer) < 5 + size:
                break
            content, buffer = buffer[5 : 5 + size], buffer[5 + size :]
            if kind == STDIN:
                stdin.write(content)
            elif kind == CLOSE_STDIN:
                stdin.close()
        with contextlib.suppress(ConnectionError):
            await stdin.drain()
        stream.connection.send(OKAY, stream.ours, stream.theirs)
    stdin.close()


async def main(port: int, features: str) -> None:
    server = await asyncio.start_server(
        lambda reader, writer: Connection(reader, writer, features).serve(), "127.0.0.1", port
    )
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
