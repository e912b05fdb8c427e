"""Runs on a board for as long as a connection lasts, and leaves nothing behind.

On stdin, after this source: a line of JSON, then the files that it lists, one after the other as
they are. What it says are frames on stdout: a line ``EDGEKIT`` and a number of bytes, then as much
JSON. The end of stdin is the end of the connection: the agent is stopped, its folder removed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PREFIX = "edgekit-board-"
STALE_S = 3600
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ANDROID = "/data/local/tmp"


def main() -> None:
    """Take files, run the agent, hand on its answer."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    job = json.loads(sys.stdin.buffer.readline())
    try:
        with private_folder() as folder:
            serve(job, folder)
    except OSError as error:
        refuse("full" if error.errno in FULL else "system", str(error))


def serve(job: dict[str, Any], folder: Path) -> None:
    """Answer one job; ``folder`` is ours alone."""
    needed = sum(file["size"] for file in job["files"])
    free = shutil.disk_usage(folder).free
    if free < needed:
        refuse("full", f"{needed / 2**20:.1f} MiB needed, {free / 2**20:.1f} MiB free")
        return
    say({"ready": {"python": sys.version.split()[0], "folder": str(folder)}})
    for file in job["files"]:
        receive(folder / Path(file["name"]).name, file["size"])
    if not job["files"]:
        return
    with board_alone(folder.parent) as alone:
        if alone:
            run(job, folder)
        else:
            refuse("busy", "another edgekit measures there")


def receive(path: Path, size: int) -> None:
    """Write the next ``size`` bytes of stdin to a file; they are wholly there, or it is an error.

    Raises:
        OSError: the disk is full, or the connection is gone.
    """
    with path.open("wb", buffering=0) as file:
        while size:
            piece = sys.stdin.buffer.read(min(size, 2**18))
            if not piece:
                raise OSError(errno.EPIPE, "the connection ended in the middle of a file")
            size -= len(piece)
            rest = memoryview(piece)
            while rest:  # near a limit, the system writes less than it is given
                rest = rest[file.write(rest) :]


def run(job: dict[str, Any], folder: Path) -> None:
    """Run the agent in a process of its own, and say what it answers."""
    child = subprocess.Popen(
        [sys.executable, str(folder / "agent.py")], cwd=folder, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder)},  # runtimes leave files there, too
    )  # fmt: skip
    threading.Thread(target=watch, args=(child,), daemon=True).start()
    try:
        answer, said = child.communicate(json.dumps(job["ask"]).encode(), timeout=job["limit_s"])
    except subprocess.TimeoutExpired:
        refuse("time", f"no answer after {job['limit_s']:g} s")
        return
    finally:
        stop(child)
        child.wait()
    if child.returncode == 0:
        frame(answer)
        return
    lines = said.decode(errors="replace").strip().splitlines()
    code = child.returncode
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    refuse("died", how + (": " + lines[-1] if lines else ""))


def watch(child: Any) -> None:
    """Stop the agent when the connection ends. Past the buffer, which is empty by now."""
    while os.read(0, 4096):
        pass
    stop(child)


def stop(child: Any) -> None:
    """End the agent and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


@contextlib.contextmanager
def board_alone(place: Path) -> Iterator[bool]:
    """Whether nobody else measures here while this lasts, whoever and from wherever.

    A name in no file system is held: it leaves nothing, and goes with its process. Where the system
    has no such names, nobody is kept away.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as held:
        try:
            held.bind(f"\0edgekit {place}")
        except OSError as error:
            yield error.errno != errno.EADDRINUSE
        else:
            yield True


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Give a folder that only this user can read; afterwards it is gone, whatever happened."""
    folder = made_folder()
    try:
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            sweep(folder.parent)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def made_folder() -> Path:
    """Make it where temporary files go; on Android that is one fixed place."""
    try:
        return Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError:
        return Path(tempfile.mkdtemp(prefix=PREFIX, dir=ANDROID))


def sweep(place: Path) -> None:
    """Remove old folders of keepers that were killed: nobody holds their locks."""
    for path in place.glob(f"{PREFIX}*/.lock"):
        with contextlib.suppress(OSError), path.open() as lock:
            told = os.fstat(lock.fileno())
            if told.st_uid == os.getuid() and told.st_mtime < time.time() - STALE_S:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path.parent, ignore_errors=True)


def refuse(kind: str, text: str) -> None:
    """Say why there is no answer."""
    say({"error": {"kind": kind, "text": text}})


def say(message: dict[str, Any]) -> None:
    """Send a message."""
    frame(json.dumps(message).encode())


def frame(content: bytes) -> None:
    """Send what is JSON already; if nobody listens any more, that is no matter."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.write(b"EDGEKIT %d\n" % len(content) + content)
        sys.stdout.buffer.flush()


main()
