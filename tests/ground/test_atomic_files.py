from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit import files
from edgekit.errors import DestinationError, EdgekitError
from edgekit.files import check_destination, explained, scratch, staged, write_atomically, writing

HOLD = """
import sys, time
from pathlib import Path
from edgekit.files import staged
with staged(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    print("inside", flush=True)
    time.sleep(60)
"""


def made(destination: Path, content: str) -> None:
    with staged(destination) as folder:
        (folder / "manifest.json").write_text("{}")
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text(content)


def contents(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture(params=[True, False], ids=["exchange", "two renames"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr(files, "exchange", lambda one, other: False)


@pytest.mark.usefixtures("_both_ways")
def test_success_replaces_the_whole_folder(tmp_path: Path) -> None:
    place = tmp_path / "out" / "model [1]*"
    made(place, "old")
    (place / "stale").touch()
    made(place, "new")
    assert contents(tmp_path / "out") == [
        place.name, f"{place.name}/deep", f"{place.name}/deep/file", f"{place.name}/manifest.json",
    ]  # fmt: skip
    assert (place / "deep" / "file").read_text() == "new"


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit, DestinationError])
def test_failure_leaves_the_old_content(tmp_path: Path, failure: type[BaseException]) -> None:
    made(tmp_path / "out", "old")
    before = contents(tmp_path)
    with pytest.raises(failure), staged(tmp_path / "out") as folder:
        (folder / "half").touch()
        raise failure("stop")
    assert contents(tmp_path) == before
    assert (tmp_path / "out" / "deep" / "file").read_text() == "old"


def test_failure_leaves_no_new_folder_on_the_way(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), staged(tmp_path / "a" / "b" / "c"):
        raise ValueError("stop")
    assert contents(tmp_path) == []


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_harms_nothing_and_is_cleaned_up(tmp_path: Path, start, sent: int) -> None:
    place = tmp_path / "out"
    made(place, "old")
    with start(HOLD, str(place)) as child:
        assert child.stdout.readline() == "inside\n"
        child.send_signal(sent)
        child.communicate()
    assert (place / "deep" / "file").read_text() == "old"
    assert all(path.name.startswith(".") for path in tmp_path.iterdir() if path != place)
    made(place, "new")
    assert contents(tmp_path) == ["out", "out/deep", "out/deep/file", "out/manifest.json"]


def test_a_run_killed_between_two_renames_is_mended(tmp_path: Path) -> None:
    made(tmp_path / "out", "old")
    (tmp_path / "out").rename(tmp_path / ".out.edgekit-replaced-1-00000000")
    with pytest.raises(ValueError, match="stop"), staged(tmp_path / "out"):
        raise ValueError("stop")
    assert (tmp_path / "out" / "deep" / "file").read_text() == "old"


def test_two_writers_of_one_place(tmp_path: Path, start) -> None:
    with start(HOLD, str(tmp_path / "out")) as child:
        assert child.stdout.readline() == "inside\n"
        with (
            pytest.raises(DestinationError, match=f"process {child.pid} is writing here"),
            staged(tmp_path / "out"),
        ):
            pytest.fail("entered")
        with staged(tmp_path / "other", marker=None) as folder:
            assert folder.is_dir()
        child.kill()


def test_two_writers_in_one_process(tmp_path: Path) -> None:
    with (
        staged(tmp_path / "out", marker=None),
        pytest.raises(DestinationError, match=f"process {os.getpid()} is writing"),
        staged(tmp_path / "out", marker=None),
    ):
        pytest.fail("entered")
    assert contents(tmp_path) == ["out"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_explained(tmp_path: Path, code: int) -> None:
    made(tmp_path / "out", "old")
    with pytest.raises(DestinationError, match="no room left"), staged(tmp_path / "out"):
        raise OSError(code, "full")
    assert (tmp_path / "out" / "deep" / "file").read_text() == "old"


def test_a_really_full_disk(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(DestinationError, match="no room left"), staged(tmp_path / "out") as folder:
        (folder / "model").symlink_to(full)
        (folder / "model").write_bytes(b"x" * 100_000)
    assert contents(tmp_path) == []


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    write_atomically(tmp_path / "a", b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DestinationError, match="no room left"):
        write_atomically(tmp_path / "a", b"new")
    assert contents(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_what_a_killed_run_left_goes_where_nobody_else_can_write(tmp_path: Path) -> None:
    left = tmp_path / ".a.edgekit-staging-1-0011aabb"
    left.touch()
    with writing(tmp_path / "a") as file:
        file.write(b"new")
    assert contents(tmp_path) == [left.name, "a"]
    with writing(tmp_path / "a", alone=True) as file:
        file.write(b"newer")
    assert contents(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"newer"


def test_what_fails_in_the_middle_of_writing_leaves_the_old_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"old")
    with pytest.raises(KeyError), writing(tmp_path / "a") as file:
        file.write(b"half")
        raise KeyError
    assert contents(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


@given(data=st.binary(max_size=100))
def test_what_is_written_is_read(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("w") / "new" / "file"
    write_atomically(path, data)
    assert path.read_bytes() == data
    assert contents(path.parent) == ["file"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    made(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "deep" / "file").read_text() == "new"


def test_refused_destinations(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.tex").touch()
    refused = {
        tmp_path / "file": "expected a folder, found a file",
        tmp_path / "file" / "deep" / "er": "is a file, not a folder",
        tmp_path / "theirs": "holds files that edgekit did not make",
        tmp_path / ("n" * 300): "cannot be written",
        tmp_path / "nul\0": "cannot be a path",
    }
    before = contents(tmp_path)
    for path, text in refused.items():
        with pytest.raises(DestinationError, match=text) as caught:
            check_destination(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(DestinationError, match=r"needs \d+ MiB of disk"):
        check_destination(tmp_path / "new", 2**60)
    assert contents(tmp_path) == before


def test_an_empty_folder_may_be_replaced(tmp_path: Path) -> None:
    assert check_destination(tmp_path) == tmp_path.resolve()


def test_a_folder_that_may_not_be_written(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(DestinationError, match="choose a folder of yours"):
        check_destination(tmp_path / "out")


def test_a_refusal_in_the_way_is_explained(tmp_path: Path, monkeypatch) -> None:
    def refuse(self: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(DestinationError, match="Permission denied"), staged(tmp_path / "out"):
        pytest.fail("entered")


def test_refusals_of_other_files_are_not_about_the_destination(tmp_path: Path) -> None:
    error = PermissionError(errno.EACCES, "no", str(tmp_path / "model.keras"))
    with pytest.raises(PermissionError) as caught, explained(tmp_path / "out"):
        raise error
    assert not isinstance(caught.value, EdgekitError)


KEEP = """
import sys, time
from pathlib import Path
from edgekit.files import scratch
with scratch(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    print("inside", flush=True)
    time.sleep(60)
"""


def test_a_passing_folder_goes(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), scratch(tmp_path) as folder:
        (folder / "file").touch()
        assert folder.stat().st_mode & 0o077 == 0
        raise KeyboardInterrupt
    assert contents(tmp_path) == []


def test_a_killed_process_leaves_its_passing_folder_to_the_next(tmp_path: Path, start) -> None:
    with start(KEEP, str(tmp_path)) as child:
        assert child.stdout.readline() == "inside\n"
        with scratch(tmp_path) as mine:
            theirs = [path for path in tmp_path.iterdir() if path.is_dir() and path != mine]
            assert [path.name for path in theirs[0].iterdir()] == ["half"]
        child.kill()
    assert theirs[0].is_dir()
    with scratch(tmp_path):
        assert not theirs[0].exists()
    assert contents(tmp_path) == []
