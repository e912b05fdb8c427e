"""Kinds of device that plugins bring."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import edgekit
from edgekit.artifact import Artifact
from edgekit.devices import Device, DeviceMeasurement, Request, load_device
from edgekit.devices.backend import Always, backend_of
from edgekit.devices.bare import bare
from edgekit.errors import OptionError, UnknownName


class Abacus(Always):
    """A backend as a plugin would bring it."""

    def measure(self, device: Device, artifact: Artifact, request: Request) -> DeviceMeasurement:
        return bare(device, artifact)


class Sundial:
    """What is no backend."""

    def check(self) -> None: ...


NOTHING = 3


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Pretend that installed plugins bring kinds."""

    def install(**kinds: str) -> None:
        points = [EntryPoint(kind, value, "edgekit.devices") for kind, value in kinds.items()]
        monkeypatch.setattr(
            "importlib.metadata.entry_points",
            lambda group: points if group == "edgekit.devices" else [],
        )

    return install


@pytest.fixture
def declared(tmp_path: Path) -> Callable[[str], str]:
    def declare(kind: str) -> str:
        path = tmp_path / "own.toml"
        path.write_text(f'schema = 1\nname = "own"\nkind = "{kind}"\ndescription = "x"\n')
        return str(path)

    return declare


def test_a_plugins_kind_is_declared_loaded_and_measured(
    plugin: Callable[..., None], declared: Callable[[str], str], tmp_path: Path
) -> None:
    from edgekit.devices import known_model

    plugin(abacus=f"{__name__}:Abacus")
    file = tmp_path / "known.tflite"
    file.write_bytes(known_model.content())
    (found,) = edgekit.benchmark(file, declared("abacus")).measurements
    assert (found.device, found.kind) == ("own", "abacus")


@pytest.mark.parametrize(("kind", "near"), [("abacas", "abacus"), ("emulatd", "emulated")])
def test_an_unknown_kind_names_file_and_nearest(
    plugin: Callable[..., None], declared: Callable[[str], str], kind: str, near: str
) -> None:
    plugin(abacus=f"{__name__}:Abacus")
    path = declared(kind)
    with pytest.raises(OptionError) as raised:
        load_device(path)
    assert str(raised.value).startswith(
        f"{path}: kind: no kind of device {kind!r}; did you mean {near!r}? known: abacus, adb,"
    )
    with pytest.raises(UnknownName, match=f"did you mean {near!r}"):
        backend_of(Device(name="own", kind=kind, description=""))


def test_loading_a_declaration_imports_no_plugin(
    plugin: Callable[..., None], declared: Callable[[str], str]
) -> None:
    plugin(abacus="no_such_module_at_all:Abacus")
    device = load_device(declared("abacus"))
    with pytest.raises(OptionError, match="its plugin no_such_module_at_all:Abacus cannot be load"):
        backend_of(device)


@pytest.mark.parametrize("what", ["Sundial", "NOTHING"])
def test_a_plugin_that_is_no_backend_says_what_it_lacks(
    plugin: Callable[..., None], what: str
) -> None:
    plugin(clock=f"{__name__}:{what}")
    with pytest.raises(OptionError, match=r"kind of device 'clock': .* it lacks .*measure"):
        backend_of(Device(name="own", kind="clock", description=""))
