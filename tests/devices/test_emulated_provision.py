"""Packages fetched and unpacked, by stand-ins of apt-get and dpkg-deb that need no network."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from plain_python import plain_python

from edgekit.devices.provision import apt, store
from edgekit.devices.provision.apt import Bundle
from edgekit.devices.provision.command import output_of, telling
from edgekit.devices.provision.wheel import WheelFiles
from edgekit.errors import DeviceError
from edgekit.progress import Silent

BUNDLE = Bundle(name="things", packages=("one",), size_mb=1.0, always="mine", needless="libsan.*")

APT_GET = """\
import pathlib, sys
words = sys.argv[1:]
log = pathlib.Path({log!r})
with log.open("a") as file:
    print(words[0], *[word for word in words[1:] if word.isalnum()], file=file)
if words[0] == "--print-uris":
    for name, size in (("one", 3), ("two", 3), ("libsan8", 9)):
        print(f"'http://there/{{name}}_1.deb' {{name}}_1%3a2_all.deb {{size}} SHA256:0")
elif words[0] == "download":
    for name in words[1 : words.index("-o")]:
        if name == "two" and pathlib.Path({broken!r}).exists():
            sys.exit("E: Failed to fetch two")
        pathlib.Path(f"{{name}}_1%3a2_all.deb").write_text(name)
"""
DPKG_DEB = """\
import pathlib, sys
deb, root = map(pathlib.Path, sys.argv[2:])
(root / deb.read_text()).write_text("unpacked")
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with stand-ins for its tools; returns the log of what was asked of apt-get."""
    log, broken, tools = tmp_path / "log", tmp_path / "broken", tmp_path / "bin"
    tools.mkdir()
    log.touch()
    texts = {"apt-get": APT_GET.format(log=str(log), broken=str(broken)), "dpkg-deb": DPKG_DEB}
    for name, text in texts.items():
        (tools / name).write_text(f"#!{plain_python()}\n{text}")
        (tools / name).chmod(0o755)
    status = tmp_path / "status"
    status.write_text("Package: other\nStatus: here\n\nPackage: mine\nStatus: here\n")
    monkeypatch.setattr(apt, "_STATUS", status)
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setenv("EDGEKIT_DEVICES", str(tmp_path / "store"))
    return tmp_path


def test_packages_are_unpacked_and_a_second_time_nothing_happens(machine):
    assert [each.package for each in BUNDLE.needs()] == ["one"]
    BUNDLE.fetch(Silent())
    assert sorted(path.name for path in BUNDLE.root.iterdir()) == ["one", "two"]
    asked = (machine / "log").read_text()
    BUNDLE.fetch(Silent())
    assert (machine / "log").read_text() == asked
    assert BUNDLE.needs() == []


def test_after_a_failure_it_goes_on_where_it_was(machine):
    (machine / "broken").touch()
    with pytest.raises(DeviceError, match="Failed to fetch two"):
        BUNDLE.fetch(Silent())
    assert not store.present(BUNDLE.name)
    (machine / "broken").unlink()
    (machine / "log").write_text("")
    BUNDLE.fetch(Silent())
    asked = (machine / "log").read_text().splitlines()
    downloads = [line for line in asked if line.startswith("download")]
    assert downloads == ["download two"]
    assert sorted(path.name for path in BUNDLE.root.iterdir()) == ["one", "two"]


def test_what_is_always_fetched_counts_as_not_installed(machine, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    apt._private(folder, "mine")
    assert "Package: other" in (folder / "status").read_text()
    assert "mine" not in (folder / "status").read_text()


def test_a_machine_without_apt_is_told_so(machine, monkeypatch):
    monkeypatch.setenv("PATH", str(machine))
    with pytest.raises(DeviceError, match="expected a Debian or Ubuntu machine"):
        BUNDLE.fetch(Silent())


def test_a_wheel_that_is_not_there_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEKIT_DEVICES", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    wheel = WheelFiles(
        package="ai-edge-litert",
        version="0.0.1",
        architecture="aarch64",
        members=("a",),
        size_mb=1.0,
    )
    with pytest.raises(DeviceError, match="pip") as caught:
        wheel.fetch(Silent())
    assert "\n" not in str(caught.value)
    assert not store.present(wheel.name)


def test_a_program_that_is_not_there_hangs_or_fails_is_one_line(tmp_path):
    with pytest.raises(DeviceError, match=r"building: .*No such file"):
        output_of([str(tmp_path / "none")], doing="building", timeout_s=1.0)
    with pytest.raises(DeviceError, match="timed out"):
        output_of([sys.executable, "-c", "import time; time.sleep(60)"], doing="x", timeout_s=0.1)
    failing = "import sys; sys.exit('first\\nE: second\\nthird')"
    with pytest.raises(DeviceError, match=r"^x: E: second; do y$"):
        output_of([sys.executable, "-c", failing], doing="x", timeout_s=60.0, advice="do y")


def test_the_gravest_line_is_told():
    assert telling(b"INFO: a\nERROR: b\nINFO: c\n") == "ERROR: b"
    assert telling(b"a\nb\n") == "b"
    assert telling(b"a\nqemu: warning: b\n") == "a"
    assert telling(b"") == ""


def test_nothing_of_this_machine_is_in_the_sources():
    folder = Path(apt.__file__).parents[1] / "emulated"
    for path in folder.glob("*.py"):
        assert "/tmp/" not in path.read_text()
