"""Packages from npm, against a stand-in for its client."""

from __future__ import annotations

import io
import stat
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from plain_python import plain_python

from edgekit.devices import load_device
from edgekit.devices.browser import BrowserBackend
from edgekit.devices.provision.npm import NpmPackage
from edgekit.errors import DeviceError
from edgekit.progress import Silent


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for npm, which packs what lies beside it."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as opened:
        for name in ("package/dist/a.js", "package/../../escaped", "package/big.map"):
            opened.addfile(tarfile.TarInfo(name), io.BytesIO())
    place = tmp_path / "bin"
    place.mkdir()
    (place / "archive").write_bytes(archive.getvalue())
    client = place / "npm"
    client.write_text(
        f"#!{plain_python()}\n"
        "import pathlib, sys\n"
        "sys.argv[1:] == ['pack', '--ignore-scripts', '--silent', '@some/thing@1.2.3'] or sys.exit("
        "'npm error 404 Not Found')\n"
        "here = pathlib.Path(__file__).parent\n"
        "pathlib.Path('some-thing-1.2.3.tgz').write_bytes((here / 'archive').read_bytes())\n"
    )
    client.chmod(client.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(place))
    monkeypatch.setenv("EDGEKIT_DEVICES", str(tmp_path / "store"))
    return place


WANTED = NpmPackage(name="@some/thing", version="1.2.3", members=("dist/a.js",), size_mb=1.0)


def test_only_the_files_that_are_wanted_are_kept(npm: Path, tmp_path: Path) -> None:
    assert [fetch.source for fetch in WANTED.needs()] == ["npm"]
    WANTED.fetch(Silent())
    kept = [path for path in WANTED.folder.rglob("*") if path.is_file()]
    assert kept == [WANTED.folder / "dist" / "a.js"]
    assert not (tmp_path / "escaped").exists()
    assert WANTED.needs() == []
    (npm / "npm").unlink()
    WANTED.fetch(Silent())


def test_what_npm_does_not_have_is_told_and_nothing_is_kept(npm: Path) -> None:
    with pytest.raises(DeviceError, match="404 Not Found; check the network"):
        replace(WANTED, version="9").fetch(Silent())
    lacking = replace(WANTED, members=("dist/a.js", "dist/b.js"))
    with pytest.raises(DeviceError, match=r"expected dist/a.js, dist/b.js in it"):
        lacking.fetch(Silent())
    assert lacking.needs()
    (npm / "archive").write_bytes(b"no archive")
    with pytest.raises(DeviceError, match="take another version"):
        lacking.fetch(Silent())


def test_without_npm_it_says_so(npm: Path) -> None:
    (npm / "npm").unlink()
    with pytest.raises(DeviceError, match=r"expected npm, to fetch @some/thing@1.2.3"):
        WANTED.fetch(Silent())


def test_a_device_that_lacks_everything_says_what_and_how_large(npm: Path) -> None:
    state = BrowserBackend().state(load_device("chromium-wasm"))
    assert state.readiness == "needs install"
    assert state.why.startswith("lacks chromium-headless-shell, @litertjs/core")
    assert state.why.endswith("(141 MB)")
