"""Folders of work that outlives its process."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from filelock import FileLock

from edgekit.cache import Cache, key

NAME = key("training", of="a")


def test_what_is_left_is_found_again_and_gone_when_done(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with pytest.raises(RuntimeError), cache.unfinished(NAME) as folder:
        (folder / "checkpoint").write_text("1")
        raise RuntimeError
    with cache.unfinished(NAME) as folder:
        assert (folder / "checkpoint").read_text() == "1"
    assert list((tmp_path / "unfinished").iterdir()) == []
    with cache.unfinished(NAME) as folder:
        assert list(folder.iterdir()) == []


def test_others_of_the_same_key_work_elsewhere(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with cache.unfinished(NAME) as mine, cache.unfinished(NAME) as passing:
        assert mine != passing
        (mine / "checkpoint").write_text("1")
        assert list(passing.iterdir()) == []
    assert not passing.exists()


def test_forgotten_work_is_swept_unless_somebody_has_it(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    names = [key("training", of=i) for i in range(3)]
    for name in names:
        folder = tmp_path / "unfinished" / name
        folder.mkdir(parents=True)
    old = time.time() - 40 * 86_400
    for name in names[:2]:
        os.utime(tmp_path / "unfinished" / name, (old, old))
    with FileLock(tmp_path / "unfinished" / f"{names[1]}.lock"):
        cache.prune()
    left = {path.name for path in (tmp_path / "unfinished").iterdir() if path.is_dir()}
    assert left == set(names[1:])
    cache.prune(older_than_s=0)
    assert not any(path.is_dir() for path in (tmp_path / "unfinished").iterdir())
