from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from edgekit.errors import OptionError, UnknownName
from edgekit.registry import Registry

SHIPPED = Registry(
    kind="thing", group="edgekit.things", shipped={"path": "pathlib:Path", "sep": "os:path.sep"}
)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch):
    """Pretend that installed plugins offer things."""

    def install(**things: str) -> None:
        points = [EntryPoint(name, value, "edgekit.things") for name, value in things.items()]
        monkeypatch.setattr(
            "importlib.metadata.entry_points",
            lambda group: points if group == "edgekit.things" else [],
        )

    return install


def test_shipped_names_load() -> None:
    import os
    from pathlib import Path

    assert SHIPPED.names() == ["path", "sep"]
    assert SHIPPED.load("path") is Path
    assert SHIPPED.load("sep") == os.path.sep


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    assert Registry(
        kind="thing", group="edgekit.things", shipped={"x": "no_such_module:X"}
    ).names() == ["x"]


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match="no thing 'paht'; did you mean 'path'"):
        SHIPPED.load("paht")


def test_plugins_join(plugin) -> None:
    plugin(more="json:dumps")
    import json

    assert SHIPPED.names() == ["more", "path", "sep"]
    assert SHIPPED.load("more") is json.dumps


def test_a_clash_names_both(plugin) -> None:
    plugin(path="other:Path")
    with pytest.raises(OptionError, match="claimed by pathlib:Path and by other:Path"):
        SHIPPED.names()


@pytest.mark.parametrize("value", ["no_such_module_x:X", "json:no_such"])
def test_a_broken_plugin_is_the_users_matter(plugin, value: str) -> None:
    plugin(more=value)
    with pytest.raises(OptionError, match=f"plugin {value} cannot be loaded"):
        SHIPPED.load("more")


def test_a_broken_shipped_name_is_a_bug() -> None:
    with pytest.raises(ModuleNotFoundError):
        Registry(kind="thing", group="edgekit.things", shipped={"x": "no_such_module:X"}).load("x")
