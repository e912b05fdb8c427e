"""Processes of our own find what this one finds, and nothing that happens to lie about."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit.spawn import python

MODULE = """\
import json, sys
def tell(place, *rest):
    with open(place, "w") as file:
        json.dump([sys.path, sys.argv[1:], rest], file)
    return 7
"""


def test_a_child_has_the_path_of_its_parent(tmp_path: Path, monkeypatch) -> None:
    modules, here, answer = tmp_path / "my modules", tmp_path / "here", tmp_path / "a.json"
    modules.mkdir()
    here.mkdir()
    (modules / "teller.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(modules))
    monkeypatch.chdir(here)
    given = [str(answer), "two words", ""]
    done = subprocess.run(python("teller:tell", *given), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (7, "")
    assert json.loads(answer.read_text()) == [sys.path, given, given[1:]]


@pytest.mark.parametrize("name", ["importlib", "keyword"])
def test_the_current_folder_is_not_searched(tmp_path: Path, monkeypatch, name: str) -> None:
    (tmp_path / f"{name}.py").write_text("raise SystemExit('from the current folder')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [part for part in sys.path if part])
    done = subprocess.run(python("keyword:iskeyword", "no"), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
