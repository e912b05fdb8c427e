"""Ctrl-C at every line of what owns, makes and replaces files."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from edgekit.files import all_scratch, scratch, staged, writing
from edgekit.holds import Holds
from edgekit.interrupts import Uninterrupted
from edgekit.locks import owned

OURS = ("edgekit/files.py", "edgekit/locks.py", "edgekit/holds.py", "edgekit/interrupts.py")
THEIRS = ("filelock/_api.py", "filelock/_unix.py", "contextlib.py", "shutil.py")


def passing(folder: Path) -> None:
    with scratch(folder) as inner:
        (inner / "file").write_text("passing")


def all_passing(folder: Path) -> None:
    with all_scratch() as inner:
        (inner / "file").write_text("passing")


def replaced(folder: Path) -> None:
    with staged(folder / "made" / "out") as inner:
        (inner / "manifest.json").write_text("new")


def written(folder: Path) -> None:
    with writing(folder / "made" / "file") as file:
        file.write(b"new")


def held(folder: Path) -> None:
    """What a user of a cache did not come to let go of, the next one does not heed."""
    holds = Holds(folder)
    try:
        assert holds.others() == set()
        holds.add("load-1")
    finally:
        holds.let_go()


def swept(folder: Path) -> None:
    """What a killed run left is removed on the way."""
    left = folder / "edgekit-1-0123456789abcdef"
    if not left.exists():
        left.mkdir()
        (left / "file").touch()
        left.with_name(f"{left.name}.lock").touch()
    passing(folder)


def run(act: Callable[[Path], None], folder: Path, line: int) -> bool:
    """Send Ctrl-C when so many lines have run; tell whether there were as many."""
    seen = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal seen
        if not frame.f_code.co_filename.endswith(OURS + THEIRS):
            return None
        if event == "line" and not _being_freed(frame):
            seen += 1
            if seen == line:
                signal.raise_signal(signal.SIGINT)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act(folder)
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return seen >= line


def _being_freed(frame: FrameType | None) -> bool:
    """Whether it runs below ``__del__``, where Python drops every exception."""
    while frame is not None and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    return frame is not None


# Between opening a file and the block that closes it there is a moment.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("act", [passing, all_passing, replaced, written, held, swept])
def test_ctrl_c_at_any_line_leaves_nothing(
    act: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = {"made", "made/out", "made/out/manifest.json", "made/file"}
    line = 1
    while run(act, tmp_path, line):
        left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
        assert left <= made or act in (swept, held), (line, left)
        assert ("made/out" in left) == ("made/out/manifest.json" in left), (line, left)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, line
        line += 1
    gc.collect()
    assert line > 50
    assert {path.name for path in tmp_path.iterdir()} <= {"made"}


def test_what_is_put_off_comes_at_the_end() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), Uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append(1)
    assert done == [1]


def test_it_comes_where_it_is_let_through() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), Uninterrupted() as shield:
        signal.raise_signal(signal.SIGINT)
        done.append(1)
        with shield.lifted():
            done.append(2)
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_that_the_body_installs_stays() -> None:
    """As when what mutes libraries ends before what was begun within it."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        with Uninterrupted() as shield, shield.lifted():
            signal.signal(signal.SIGINT, before)
        assert signal.getsignal(signal.SIGINT) is before
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_program_that_ignores_ctrl_c_still_does() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Uninterrupted() as shield, shield.lifted():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_may_own_names(tmp_path: Path) -> None:
    found = []

    def own() -> None:
        with owned(tmp_path / "lock"):
            found.append((tmp_path / "lock").exists())

    thread = threading.Thread(target=own)
    thread.start()
    thread.join()
    assert found == [True]
    assert not list(tmp_path.iterdir())
