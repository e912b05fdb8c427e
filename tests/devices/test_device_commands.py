"""``edgekit devices``: documents, removal, hints, and texts that would command a terminal."""

from __future__ import annotations

import importlib.util
import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgekit.cli import main
from edgekit.devices import backend_of, known_model, load_device
from edgekit.devices.backend import State, Stores
from edgekit.devices.declaration import all_devices
from edgekit.devices.fake import FakeBackend
from edgekit.devices.microcontroller.ask import MICRO
from edgekit.devices.npu.compile import VELA
from edgekit.devices.provision import store
from edgekit.devices.removal import removal
from edgekit.devices.runtime_choice import with_runtime

HOSTILE = "\x1b[2J\x1b]0;gone\x07 \x9b31m \N{RIGHT-TO-LEFT OVERRIDE}ok\r\nfake: fine"


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_DEVICES", str(tmp_path / "store"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "known.tflite"
    path.write_bytes(known_model.content())
    return path


def run(*arguments: str, answer: str = "") -> tuple[int, str, str]:
    done = CliRunner().invoke(main, list(arguments), input=answer)
    return done.exit_code, done.stdout, done.stderr


def own(folder: Path, text: str) -> str:
    path = folder / "my device.toml"
    path.write_text(f'schema = 1\nname = "mine"\n{text}', encoding="utf-8")
    return str(path)


def put(*names: str) -> None:
    for name in names:
        store.place(name).mkdir(parents=True)
        (store.place(name) / "file").write_bytes(b"x" * 1_000_000)


def test_what_is_shared_with_other_installed_devices_stays() -> None:
    put(MICRO.name, VELA.name)
    plan = removal([load_device("cortex-m4")])
    assert plan.freed_mb == {}
    assert "cortex-m7" in plan.kept[MICRO.name]
    plan = removal([load_device("cortex-m4")], shared=True)
    assert plan.freed_mb == {MICRO.name: 1.0}
    plan.carry_out()
    assert (store.present(MICRO.name), store.present(VELA.name)) == (False, True)


def test_a_device_that_is_not_whole_keeps_nothing() -> None:
    put("qemu-user")
    (other,) = [d for d in all_devices() if d.name == "raspberry-pi-3"]
    assert "qemu-user" in backend_of(other).folders(other)
    assert removal([load_device("raspberry-pi-4")]).freed_mb == {"qemu-user": 1.0}


STORED = (
    "raspberry-pi-4", "x86-haswell", "armv7", "cortex-m4", "ethos-u55-128", "chromium-wasm",
    "firmware-m4",
)  # fmt: skip


@pytest.mark.parametrize("name", STORED)
def test_all_that_installing_would_make_can_be_removed(name: str) -> None:
    device = load_device(name)
    backend = backend_of(device)
    assert isinstance(backend, Stores)
    put(*backend.folders(device))
    assert list(backend.needs(device)) == []
    removal([device], shared=True).carry_out()
    assert [path.name for path in store.store().iterdir() if path.is_dir()] == []
    assert list(backend.needs(device))


@pytest.mark.parametrize("name", ["chromium-wasm", "firmware-m4"])
def test_commands_see_what_a_kind_has_in_the_store(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = load_device(name)
    backend = backend_of(device)
    assert isinstance(backend, Stores)
    folders = list(backend.folders(device))
    put(*folders)
    monkeypatch.setattr(
        type(backend), "install", lambda self, device, progress: put(*backend.folders(device))
    )
    (store.place(folders[0]) / "file").write_bytes(b"broken")
    code, said, _ = run("devices", "install", name, "--again", "--yes", "-q")
    assert (code, f"remove {folders[0]}, 0.0 MB" in said) == (0, True)
    assert (store.place(folders[0]) / "file").stat().st_size == 1_000_000
    code, said, _ = run("devices", "remove", name, "--shared", "--yes", "--json")
    assert (code, json.loads(said)["freed_mb"]) == (0, dict.fromkeys(folders, 1.0))
    assert not any(store.present(folder) for folder in folders)


def test_runtimes_on_demand_go_with_their_device_and_keep_what_they_need() -> None:
    board = load_device("raspberry-pi-4")
    plain, more = board, with_runtime(board, "onnxruntime")
    backend = backend_of(board)
    assert isinstance(backend, Stores)
    (wheel,) = set(backend.folders(more)) - set(backend.folders(plain))
    put(*backend.folders(more))
    assert "qemu-user" in removal([load_device("x86-haswell")], shared=True).freed_mb
    kept = removal([load_device("x86-haswell")]).kept["qemu-user"]
    assert "raspberry-pi-4" in kept
    assert wheel not in removal([plain], shared=True, optional=False).freed_mb
    removal([plain], shared=True).carry_out()
    assert not store.present(wheel)


def test_remove_says_what_it_frees_and_asks() -> None:
    put(MICRO.name)
    code, said, _ = run("devices", "remove", "cortex-m4", "--shared", answer="n\n")
    assert (code, f"remove {MICRO.name}, 1.0 MB" in said) == (1, True)
    assert store.present(MICRO.name)
    code, said, _ = run("devices", "remove", "cortex-m4")
    assert (code, f"stays: {MICRO.name}, used by " in said) == (0, True)
    code, said, _ = run("devices", "remove", "cortex-m4", "--shared", "--yes", "--json")
    assert json.loads(said) == {"schema": 1, "freed_mb": {MICRO.name: 1.0}, "kept": {}}
    assert not store.present(MICRO.name)
    assert run("devices", "remove", "fake")[:2] == (0, "nothing to remove\n")


def test_what_is_broken_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("pip") is None:
        pytest.skip("pip is not installed")
    shelf = tmp_path / "wheels"
    shelf.mkdir()
    for name, version in (("tflite_micro", "9.9"), ("pyyaml", MICRO.others[0].version)):
        wheel(shelf, name, version)
    for key, value in {
        "NO_INDEX": "1",
        "FIND_LINKS": str(shelf),
        "CONFIG_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(f"PIP_{key}", value)
    text = 'kind = "microcontroller"\ndescription = ""\n'
    path = own(tmp_path, text + 'runtime = { name = "tflite-micro", version = "9.9" }\n')
    folder = MICRO.at("9.9").folder
    assert run("devices", "install", path, "--yes", "-q")[0] == 0
    (folder / "tflite_micro.py").write_text("broken")
    assert run("devices", "install", path, "--yes", "-q")[0] == 0
    assert (folder / "tflite_micro.py").read_text() == "broken"
    code, said, _ = run("devices", "install", path, "--again", "--yes", "--json")
    assert (code, json.loads(said)["devices"][0]["state"]["readiness"]) == (0, "ready")
    assert (folder / "tflite_micro.py").read_text() == "whole = True\n"


def wheel(shelf: Path, name: str, version: str) -> None:
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(shelf / f"{name}-{version}-py3-none-any.whl", "w") as made:
        made.writestr(f"{name}.py", "whole = True\n")
        told = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        made.writestr(f"{info}/METADATA", told)
        made.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        made.writestr(f"{info}/RECORD", "")


def test_documents_are_printed_alone() -> None:
    code, said, _ = run("devices", "check", "fake", "host", "--json")
    rows = [{"device": name, "wrong": []} for name in ("fake", "host")]
    assert (code, json.loads(said)) == (0, {"schema": 1, "devices": rows})
    code, said, _ = run("devices", "install", "fake", "--json")
    ready = {"device": "fake", "state": {"readiness": "ready", "why": ""}}
    assert (code, json.loads(said)) == (0, {"schema": 1, "fetched": [], "devices": [ready]})


def test_a_document_does_not_ask() -> None:
    code, said, error = run("devices", "install", "cortex-m4", "--json")
    assert (code, said, "--json does not ask: add --yes" in error) == (2, "", True)


def test_the_groups_json_holds_for_its_commands() -> None:
    _, said, _ = run("devices", "--json", "show", "fake")
    assert json.loads(said) == json.loads(run("devices", "show", "fake", "--json")[1])


def test_a_device_that_is_wrong_is_in_the_document_and_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FakeBackend, "check", lambda self, device: ["out of order"])
    code, said, error = run("devices", "check", "fake", "--json")
    assert (code, error) == (1, "Error: fake: out of order\n")
    assert json.loads(said)["devices"] == [{"device": "fake", "wrong": ["out of order"]}]


def test_the_hint_has_the_path_that_was_given_and_comes_once(file: Path, tmp_path: Path) -> None:
    text = 'kind = "microcontroller"\ndescription = ""\n'
    path = own(tmp_path, text + 'runtime = { name = "tflite-micro", version = "0.0.1" }\n')
    code, _, error = run("bench", str(file), "-d", path, "-q")
    assert (code, error.count("edgekit devices install")) == (1, 1)
    assert error.rstrip().endswith(f"edgekit devices install '{path}'")


def test_what_nobody_can_install_is_no_reason_to_ask_for_it(file: Path, tmp_path: Path) -> None:
    path = own(tmp_path, 'kind = "fake"\ndescription = ""\nscript = { unreachable = true }\n')
    _, _, error = run("bench", str(file), "-d", path, "-q")
    hint = f"see `edgekit devices show '{path}'`"
    assert (hint in error, "devices install" in error) == (True, False)


def test_bench_takes_a_number_of_warm_ups(file: Path) -> None:
    arguments = ("bench", str(file), "--warmup", "3", "--min-runs", "5", "--min-seconds", "0")
    (found,) = json.loads(run(*arguments, "--json")[1])["measurements"]
    assert (len(found["latency"]["warmup_ms"]), len(found["latency"]["samples_ms"])) == (3, 5)


def test_nothing_that_others_wrote_commands_the_terminal(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spelled = json.dumps(HOSTILE)
    path = tmp_path / "hostile.toml"
    path.write_text(
        f'schema = 1\nname = {spelled}\nkind = "fake"\ndescription = {spelled}\n'
        f"labels = [{spelled}]\nprovenance = {{ {spelled} = {spelled} }}\n"
    )
    monkeypatch.setattr(FakeBackend, "check", lambda self, device: [HOSTILE])
    commands = [
        ("devices", "show", str(path)), ("devices", "check", str(path)),
        ("devices", "install", str(path)), ("bench", str(file), "-d", str(path), "--operators"),
    ]  # fmt: skip
    outputs = [part for command in commands for part in run(*command)[1:]]
    monkeypatch.setattr(
        FakeBackend, "state", lambda self, device: State(readiness="unreachable", why=HOSTILE)
    )
    outputs += [part for command in commands for part in run(*command)[1:]]
    for said in outputs:
        assert said.replace("\n", "").isprintable()
        assert not any(line.startswith("fake: fine") for line in said.splitlines())
    assert "gone" in "".join(outputs)
