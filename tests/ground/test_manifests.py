from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from edgekit import manifest
from edgekit.errors import ArtifactError
from edgekit.manifest import FileDigest, Manifest, Source
from edgekit.target import Target


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return a conversion's folder: two files and their manifest."""
    (tmp_path / "model.xml").write_text("graph")
    (tmp_path / "model.bin").write_bytes(b"weights")
    manifest.write(_manifest(tmp_path, ["model.xml", "model.bin"]), tmp_path / "manifest.json")
    return tmp_path


def _manifest(folder: Path, names: list[str]) -> Manifest:
    return Manifest(
        edgekit="0.1.0",
        source=Source(name="digits", sha256="0" * 64),
        target=Target.load("openvino-int8"),
        seed=0,
        files=manifest.describe(folder, names),
        command=("edgekit", "convert", "digits.keras"),
        options={"threads": 1, "input_shapes": {"x": [1, 8]}},
        tools={"keras": "3.15.1"},
    )


def change(path: Path, **changes: Any) -> None:
    plain = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in plain.items() if v is not ...}))


def test_what_is_written_is_read(made: Path) -> None:
    assert manifest.read(made) == _manifest(made, ["model.xml", "model.bin"])
    assert manifest.verify(made / "manifest.json") == []


def test_the_same_manifest_gives_the_same_bytes(made: Path) -> None:
    before = (made / "manifest.json").read_bytes()
    manifest.write(_manifest(made, ["model.bin", "model.xml"]), made / "manifest.json")
    assert (made / "manifest.json").read_bytes() == before


def test_the_target_is_written_out_whole(made: Path) -> None:
    plain = json.loads((made / "manifest.json").read_text())
    names = {field.name for field in dataclasses.fields(Target)}
    assert set(plain["target"]) == names
    assert plain["schema"] == 1


def test_it_survives_a_move(made: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    moved = tmp_path_factory.mktemp("m") / "elsewhere"
    made.rename(moved)
    assert manifest.verify(moved) == []


def test_differences_are_named(made: Path) -> None:
    (made / "model.xml").write_text("grapH")
    (made / "model.bin").write_bytes(b"less")
    assert manifest.verify(made) == [
        "model.bin: expected 7 bytes, found 4",
        f"model.xml: expected SHA-256 {_sha('graph')[:12]}…, found {_sha('grapH')[:12]}…",
    ]
    (made / "model.xml").unlink()
    (made / "model.bin").unlink()
    (made / "model.bin").mkdir()
    assert manifest.verify(made) == ["model.bin: is not a regular file", "model.xml: missing"]


def test_a_pipe_does_not_block(made: Path) -> None:
    (made / "model.bin").unlink()
    os.mkfifo(made / "model.bin")
    assert manifest.verify(made) == ["model.bin: is not a regular file"]


def test_a_link_to_outside_is_refused(made: Path, tmp_path_factory) -> None:
    outside = tmp_path_factory.mktemp("o") / "secret"
    (made / "model.bin").rename(outside)
    (made / "model.bin").symlink_to(outside)
    assert manifest.verify(made) == ["model.bin: is a link to outside of its folder"]


NAMES = ["../x", "/etc/passwd", "a/../../x", "..", "", ".", "a\\..\\b", "C:\\x", "C:x", "n\0ul"]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_leave_the_folder_are_refused(made: Path, name: str) -> None:
    change(made / "manifest.json", files={name: {"sha256": "0" * 64, "size_bytes": 1}})
    with pytest.raises(ArtifactError, match="not a file name inside the folder"):
        manifest.verify(made)
    with pytest.raises(ArtifactError, match="not a file name inside the folder"):
        manifest.describe(made, [name])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema": 2}, "expected a manifest of schema 1, got 2"),
        ({"schema": ...}, "expected a manifest of schema 1, got None"),
        ({"sead": 1}, "unknown key 'sead'; did you mean 'seed'"),
        ({"seed": "0"}, "seed: Expected `int`"),
        ({"seed": ...}, "seed"),
        ({"source": {"name": "x", "sha256": "", "size": 1}}, "unknown key 'source.size'"),
        ({"files": {"a": {"sha256": "0" * 64, "size_bytes": 1, "mode": 7}}}, "unknown key 'mode'"),
        ({"files": {"a": {"sha256": "0" * 63, "size_bytes": 1}}}, "64 hexadecimal digits"),
        ({"files": {"a": {"sha256": "G" * 64, "size_bytes": 1}}}, "64 hexadecimal digits"),
        ({"files": ["a"]}, "files: Expected `object`"),
        ({"target": {"name": "x"}}, "target"),
    ],
)
def test_reading_is_strict(made: Path, changes: dict[str, Any], said: str) -> None:
    change(made / "manifest.json", **changes)
    with pytest.raises(ArtifactError, match=said) as caught:
        manifest.read(made)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"\xff", b'{"seed": NaN}', b"[" * 100_000, b"null"]
)
def test_what_is_not_a_manifest(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        manifest.read(tmp_path)
    assert "\n" not in str(caught.value)


def test_no_manifest_at_all(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no such file"):
        manifest.verify(tmp_path)


def test_only_regular_files_are_described(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="expected a regular file"):
        manifest.describe(tmp_path, ["none"])


def test_a_digest_is_of_the_content(made: Path) -> None:
    assert manifest.describe(made, ["model.xml"]) == {
        "model.xml": FileDigest(sha256=_sha("graph"), size_bytes=5)
    }


def _sha(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()
