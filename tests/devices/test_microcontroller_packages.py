"""Packages come from a folder of wheels made here, by the real pip, into a store of our own."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import os
import sys
import zipfile
from pathlib import Path

import pytest

from edgekit.devices.provision import store
from edgekit.devices.provision.packages import Package, Tool
from edgekit.errors import DeviceError
from edgekit.progress import Silent

NAME = "edgekit-example-tool"
MODULE = "edgekit_example_tool"
TOOL = Tool(main=Package(name=NAME, version="1.5", size_mb=0.1))


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let pip find nothing but wheels in a folder, and the store be a new one."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("EDGEKIT_DEVICES", str(tmp_path / "store"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    if importlib.util.find_spec("pip") is None:
        pytest.skip("pip is not installed")
    return folder


def put_wheel(shelf: Path, version: str) -> None:
    info = f"{MODULE}-{version}.dist-info"
    with zipfile.ZipFile(shelf / f"{MODULE}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{MODULE}.py", "def answer(number):\n    return int(number) + 1\n")
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version}\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def test_installing_brings_it_once_and_leaves_this_process_alone(shelf: Path) -> None:
    put_wheel(shelf, "1.5")
    (fetch,) = TOOL.needs()
    assert (fetch.source, fetch.package, fetch.version) == ("pypi", NAME, "1.5")
    TOOL.install(Silent())
    assert TOOL.needs() == []
    assert importlib.util.find_spec(MODULE) is None
    made = (TOOL.folder / f"{MODULE}.py").stat().st_mtime_ns
    (shelf / f"{MODULE}-1.5-py3-none-any.whl").unlink()
    TOOL.install(Silent())
    assert (TOOL.folder / f"{MODULE}.py").stat().st_mtime_ns == made


def test_it_can_be_called_in_a_process_of_its_own(shelf: Path, tmp_path: Path) -> None:
    put_wheel(shelf, "1.5")
    TOOL.install(Silent())
    done = TOOL.run(f"{MODULE}:answer", "6", timeout_s=60, folder=tmp_path)
    assert (done.returncode, done.stderr) == (7, b"")


def test_another_version_lies_beside(shelf: Path) -> None:
    put_wheel(shelf, "1.5")
    put_wheel(shelf, "2.0")
    TOOL.install(Silent())
    other = TOOL.at("2.0")
    assert [package.version for package in other.missing()] == ["2.0"]
    other.install(Silent())
    assert other.folder != TOOL.folder
    assert TOOL.at("") == TOOL


def test_what_cannot_be_fetched_is_one_line_and_leaves_nothing(shelf: Path) -> None:
    with pytest.raises(
        DeviceError, match=r"edgekit-example-tool==1\.5: cannot be fetched: "
    ) as told:
        TOOL.install(Silent())
    assert "\n" not in str(told.value)
    assert not TOOL.folder.exists()
    put_wheel(shelf, "1.5")
    TOOL.install(Silent())
    assert store.present(TOOL.folder.name)


def test_what_can_be_imported_here_is_not_fetched() -> None:
    here = Tool(main=Package(name="numpy", version="0.0.1", size_mb=1))
    assert here.missing() == []
    both = dataclasses.replace(here, others=(Package(name=NAME, version="1.5", size_mb=1),))
    assert [package.name for package in both.missing()] == ["numpy", NAME]


def test_a_version_that_is_asked_for_is_fetched_beside_another_that_is_here(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_wheel(shelf, "1.5")
    put_wheel(shelf, "2.0")
    TOOL.install(Silent())
    # As if 1.5 had been installed where edgekit is.
    here = str(TOOL.folder)
    monkeypatch.setattr(sys, "path", [*sys.path, here])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.environ.get("PYTHONPATH", ""), here]))
    monkeypatch.setenv("EDGEKIT_DEVICES", str(tmp_path / "other"))
    assert TOOL.missing() == TOOL.at("1.5").missing() == []
    other = TOOL.at("2.0")
    assert [package.version for package in other.missing()] == ["2.0"]
    other.install(Silent())
    assert other.missing() == []
    done = other.run(f"{__name__}:version", timeout_s=60, folder=tmp_path)
    assert done.stdout.split() == [b"2.0"], done.stderr


def version() -> int:
    """Run in the tool's process: say which version is imported there."""
    print(importlib.metadata.version(NAME))
    return 0


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_a_process_that_crashes_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="ended by SIGABRT"):
        TOOL.run("os:abort", timeout_s=60, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_a_process_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"no answer after 0\.5 s"):
        TOOL.run("signal:pause", timeout_s=0.5, folder=tmp_path)
