"""Boards over ADB: the real client against a small daemon of ours."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from loopback import free_port, processes_in
from plain_python import plain_python
from waiting import wait_for

from edgekit import runtimes
from edgekit.devices import Device, Request, backend_of, known_model
from edgekit.devices.declaration import Address
from edgekit.devices.figures import DeviceMeasurement
from edgekit.errors import DeviceError, OptionError

FAST = Request(warmup=2, min_runs=25, min_seconds=0.0)
DAEMON = Path(__file__).with_name("adb_daemon.py")


@dataclass(frozen=True)
class Phone:
    """A daemon, and the device that is reached through it."""

    process: psutil.Process
    scratch: Path
    device: Device

    def agents(self) -> list[psutil.Process]:
        return processes_in(self.scratch)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An adb server of the test's own."""
    if shutil.which("adb") is None:
        pytest.skip("needs adb: apt-get install adb")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(free_port()))
    yield
    subprocess.run(["adb", "kill-server"], capture_output=True, timeout=60)


@pytest.fixture
def phone(server: None, scratch_folder: Path) -> Iterator[Phone]:
    with running_phone(scratch_folder, "shell_v2,cmd") as phone:
        yield phone


@contextlib.contextmanager
def running_phone(scratch: Path, features: str) -> Iterator[Phone]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(DAEMON), str(port), features], stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    with process:
        assert process.stdout.readline() == b"ready\n"
        address = Address(serial=f"127.0.0.1:{port}", python=plain_python())
        device = Device(name="phone", kind="adb", description="a daemon of ours", address=address)
        try:
            yield Phone(psutil.Process(process.pid), scratch, device)
        finally:
            process.kill()


def measure(device: Device, file: Path, request: Request = FAST) -> DeviceMeasurement:
    return backend_of(device).measure(device, runtimes.describe(file), request)


def test_a_phone_measures_and_nothing_stays(phone: Phone, tflite_file: Path) -> None:
    found = measure(phone.device, tflite_file)
    assert found.latency is not None
    assert len(found.latency.samples_ms) == 25
    assert found.agreement.largest_steps == 0
    assert found.kind == "adb"
    assert not list(phone.scratch.iterdir())


def test_a_phone_hands_out_what_it_computes(phone: Phone, tflite_file: Path) -> None:
    artifact = runtimes.describe(tflite_file)
    samples = {artifact.inputs[0].name: known_model.samples()}
    found = backend_of(phone.device).outputs(phone.device, artifact, samples)
    np.testing.assert_array_equal(found[artifact.outputs[0].name], known_model.expected())


def test_large_files_arrive_whole(phone: Phone, tflite_file: Path) -> None:
    with tflite_file.open("ab") as out:
        out.write(os.urandom(5 * 2**20))
    assert measure(phone.device, tflite_file).agreement.largest_steps == 0


def test_a_phone_that_is_there_is_ready_and_computes_right(phone: Phone) -> None:
    backend = backend_of(phone.device)
    assert backend.state(phone.device).readiness == "ready"
    assert list(backend.check(phone.device)) == []


def test_a_lost_phone_is_one_line_and_nothing_stays(phone: Phone, tflite_file: Path) -> None:
    running: list[psutil.Process] = []

    def cut() -> None:
        wait_for(phone.agents)
        running.extend(phone.agents())
        phone.process.kill()

    killer = threading.Thread(target=cut, daemon=True)
    killer.start()
    with pytest.raises(DeviceError, match="phone: the connection was lost") as caught:
        measure(phone.device, tflite_file, replace(FAST, min_runs=10**9))
    killer.join()
    assert "\n" not in str(caught.value)
    wait_for(lambda: not list(phone.scratch.iterdir()))
    wait_for(lambda: not any(one.is_running() for one in running))


def test_a_phone_without_python(phone: Phone, tflite_file: Path) -> None:
    device = replace(phone.device, address=replace(phone.device.address, python="no-such-python"))
    assert backend_of(device).state(device).readiness == "needs install"
    with pytest.raises(DeviceError, match=r"phone: no Python there .*not found"):
        measure(device, tflite_file)


def test_missing_packages_are_named(phone: Phone, bare_python: Path, tflite_file: Path) -> None:
    device = replace(phone.device, address=replace(phone.device.address, python=str(bare_python)))
    with pytest.raises(DeviceError, match=r"on the board: .* -m pip install ai-edge-litert"):
        measure(device, tflite_file)


@pytest.mark.usefixtures("server")
def test_a_shell_that_is_too_old_is_one_line(scratch_folder: Path, tflite_file: Path) -> None:
    said = pytest.raises(DeviceError, match=r"phone: no answer: .*allocating a pty")
    with running_phone(scratch_folder, "cmd") as phone, said:
        measure(phone.device, tflite_file)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("serial", ["0123456789ABCDEF", "127.0.0.1:{port}"])
def test_a_phone_that_is_not_there(serial: str) -> None:
    address = Address(serial=serial.format(port=free_port()))
    device = Device(name="phone", kind="adb", description="gone", address=address)
    state = backend_of(device).state(device)
    assert state.readiness == "unreachable"
    assert "not found" in state.why or "cannot be reached" in state.why


def test_a_serial_is_needed() -> None:
    device = Device(name="phone", kind="adb", description="nowhere")
    with pytest.raises(OptionError, match=r"needs \[address\] with serial"):
        backend_of(device).check(device)


def test_without_the_client_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("EDGEKIT_DEVICES", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    device = Device(name="phone", kind="adb", description="x", address=Address(serial="1"))
    backend = backend_of(device)
    state = backend.state(device)
    assert (state.readiness, "apt-get install adb" in state.why) == ("needs install", True)
    assert [fetch.package for fetch in backend.needs(device)] == ["adb"]
