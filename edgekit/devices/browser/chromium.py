"""Where Chromium is, and how it is started so that it leaves nothing behind and asks nobody."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgekit.devices.browser.devtools import DevTools, Gone
from edgekit.devices.provision.apt import Bundle
from edgekit.errors import DeviceError, one_line

BUNDLE = Bundle(
    name="chromium-headless-shell", packages=("chromium-headless-shell",), size_mb=96.0,
    always="chromium.*",
)  # fmt: skip
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_INSIDE = "usr/lib/chromium/chromium-headless-shell"
_QUIET = (
    "--headless", "--disable-gpu", "--disable-quic", "--disable-sync", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-breakpad",
    "--disable-default-apps", "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling", "--no-first-run", "--no-default-browser-check",
    "--mute-audio", "--password-store=basic",
)  # fmt: skip
# Chromium speaks over its descriptors 3 and 4, which it has to be given at these numbers.
_START = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4);"
    " os.execv(sys.argv[3], sys.argv[3:])"
)
_ABOVE = 10
_CLOSE_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Chromium:
    """A browser's program; ``libraries`` are folders with what it needs and the machine lacks."""

    program: Path
    libraries: tuple[Path, ...] = ()

    @property
    def sandboxed(self) -> bool:
        """Whether its pages run in its sandbox, which it has for all users but root."""
        return os.geteuid() != 0


def found() -> Chromium | None:
    """Return the browser in the store of devices, else the machine's own; None if there is none."""
    if (program := BUNDLE.root / _INSIDE).is_file():
        libraries = [
            *BUNDLE.root.glob("usr/lib/*-linux-gnu*"),
            *BUNDLE.root.glob("lib/*-linux-gnu*"),
        ]
        inner = [folder / "pulseaudio" for folder in libraries]
        return Chromium(program=program, libraries=(*libraries, *filter(Path.is_dir, inner)))
    for name in _NAMES:
        if (path := shutil.which(name)) is not None:
            return Chromium(program=Path(path))
    return None


@contextlib.contextmanager
def running(browser: Chromium, folder: Path, *, port: int) -> Iterator[DevTools]:
    """Start a browser that reaches one port of 127.0.0.1 and nothing else; it is gone afterwards.

    Args:
        browser: Which.
        folder: Of its own, for its profile and its passing files.
        port: To which whatever it asks of other hosts is sent, too.

    Raises:
        DeviceError: it cannot be started, or ended before it was told to; the text has its last
            words.
    """
    log = folder / "browser.log"
    with contextlib.ExitStack() as stack:
        theirs, ours = _pipes(stack)
        try:
            process = _started(browser, folder, log, port, theirs)
        finally:
            for end in theirs:
                os.close(end)
        stack.callback(_ended, process)
        tools = DevTools(*ours)
        try:
            yield tools
        except Gone as error:
            raise DeviceError(f"{error}: {_last_words(log)}") from error
        with contextlib.suppress(DeviceError):
            tools.call("Browser.close", timeout_s=_CLOSE_S)


def _pipes(stack: contextlib.ExitStack) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the browser's ends, for reading and writing, and ours."""
    (reads, we_write), (we_read, writes) = os.pipe(), os.pipe()
    for ours in (we_read, we_write):
        stack.callback(os.close, ours)
    theirs = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _ABOVE) for end in (reads, writes)]
    os.close(reads)
    os.close(writes)
    return (theirs[0], theirs[1]), (we_read, we_write)


def _started(
    browser: Chromium, folder: Path, log: Path, port: int, ends: tuple[int, int]
) -> subprocess.Popen[bytes]:
    environment = {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PATH": os.defpath,
        "LD_LIBRARY_PATH": os.pathsep.join(map(str, browser.libraries)),
    }
    launcher = [sys.executable, "-I", "-S", "-c", _START, *map(str, ends)]
    try:
        with log.open("wb") as said:
            return subprocess.Popen(
                [*launcher, *_command(browser, folder, port)], pass_fds=ends, stderr=said,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=folder, env=environment,
                start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        raise DeviceError(f"{browser.program}: cannot be started: {one_line(error)}") from error


def _command(browser: Chromium, folder: Path, port: int) -> list[str]:
    free = () if browser.sandboxed else ("--no-sandbox",)
    closed = (
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        f"--proxy-server=http://127.0.0.1:{port}",
    )
    return [
        str(browser.program), *_QUIET, *free, *closed, "--remote-debugging-pipe",
        f"--user-data-dir={folder / 'profile'}", "about:blank",
    ]  # fmt: skip


def _ended(process: subprocess.Popen[bytes]) -> None:
    """Wait a moment for the browser to end, then end it and all that it started."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_CLOSE_S / 10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_words(log: Path) -> str:
    """Return what a browser said of why it ended."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    grave = [line for line in lines if "FATAL" in line or "shared libraries" in line]
    return (grave or lines or ["it said nothing"])[0 if grave else -1][:300]
