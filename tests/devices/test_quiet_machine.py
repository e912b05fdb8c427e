"""Timed measurements have this machine for themselves, whoever else is at work on it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekit.devices.declaration import Device, load_device
from edgekit.devices.lease import leased
from edgekit.errors import DeviceBusy, DeviceError

HOLD = """
import sys
from edgekit.devices.declaration import load_device
from edgekit.devices.lease import leased
with leased(load_device(sys.argv[1]), wait_s=60, told=lambda line: print("waits", flush=True)):
    print("held", flush=True)
    sys.stdin.read()
"""
HOST, BOARD, NPU = (load_device(name) for name in ("host", "raspberry-pi-4", "ethos-u55-128"))


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_STATE", str(tmp_path / "state"))


@contextlib.contextmanager
def other(name: str, says: str = "held") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a device, or waits for it."""
    command = [sys.executable, "-c", HOLD, name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"{says}\n"
            yield process
        finally:
            process.kill()


def remote() -> Device:
    return Device(name="pretended", kind="fake", description="for a test")


def test_nothing_that_computes_here_is_begun_while_this_machine_is_timed() -> None:
    with other("host"):
        with (
            pytest.raises(DeviceBusy, match="raspberry-pi-4: this machine is timed"),
            leased(BOARD),
        ):
            pass
        with leased(remote()):
            pass


def test_what_is_exact_shares_the_machine_and_keeps_timing_away() -> None:
    with other("raspberry-pi-4"):
        with leased(NPU), leased(BOARD):
            pass
        with pytest.raises(DeviceBusy, match="host: others measure on this machine"), leased(HOST):
            pass


def test_a_lease_of_the_machine_ends_with_its_process() -> None:
    with other("raspberry-pi-4") as process:
        process.kill()
        process.wait()
        with leased(HOST):
            pass


def test_it_is_told_what_is_waited_for_and_the_wait_has_an_end() -> None:
    said: list[str] = []
    with other("host"), pytest.raises(DeviceBusy), leased(BOARD, wait_s=0.3, told=said.append):
        pass
    assert said == ["waiting: raspberry-pi-4: this machine is timed, which it would disturb"]
    with leased(BOARD, wait_s=0.3, told=said.append):
        pass
    assert len(said) == 1


def test_who_waits_to_be_alone_is_not_overtaken_for_ever() -> None:
    with other("raspberry-pi-4") as board, other("host", says="waits") as host:
        for _ in range(200):  # until the other one stands in the queue
            try:
                with leased(NPU):
                    time.sleep(0.05)
            except DeviceBusy:
                break
        else:
            pytest.fail("one came after another, and the timed one never had its turn")
        board.kill()
        board.wait()
        assert host.stdout is not None
        assert host.stdout.readline() == "held\n"


def test_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGEKIT_STATE", str(tmp_path / "file"))
    with pytest.raises(DeviceError, match="a lease cannot be written"), leased(BOARD):
        pass
