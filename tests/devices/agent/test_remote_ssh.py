"""Boards over SSH, against a real sshd: what is measured, and each thing that goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from loopback import free_port, make_key, public
from waiting import wait_for

import edgekit
from edgekit import runtimes
from edgekit.devices import Device, Request, backend_of, known_model
from edgekit.devices.agreement import default_samples
from edgekit.devices.backend import Computes
from edgekit.devices.declaration import Address, Runtime
from edgekit.devices.figures import DeviceMeasurement
from edgekit.devices.remote import board
from edgekit.devices.remote.ssh import opened
from edgekit.devices.remote.talk import converse
from edgekit.errors import ArtifactError, DeviceBusy, DeviceError, OptionError

if TYPE_CHECKING:
    from loopback import Sshd

FAST = Request(warmup=2, min_runs=25, min_seconds=0.0)
LONG = replace(FAST, min_runs=10**9)


def measure(device: Device, file: Path, request: Request = FAST) -> DeviceMeasurement:
    return backend_of(device).measure(device, runtimes.describe(file), request)


@pytest.mark.parametrize("kind", ["tflite", "onnx", "openvino"])
def test_a_board_measures_and_tells_on_what(
    sshd: Sshd, kind: str, request: pytest.FixtureRequest
) -> None:
    file = request.getfixturevalue(f"{kind}_file")
    found = measure(sshd.device, file)
    assert found.latency is not None
    assert (len(found.latency.warmup_ms), len(found.latency.samples_ms)) == (2, 25)
    assert found.latency.low_ms <= found.latency.ms <= found.latency.high_ms
    assert found.bases == {"latency": "measured", "memory": "measured"}
    assert found.agreement is not None
    assert (found.agreement.samples, found.agreement.identical_share) == (4, 1.0)
    assert found.memory.peak_kib > 1000
    assert found.facts["cores"] == str(len(os.sched_getaffinity(0)))
    assert found.facts["python"].startswith("3.")
    assert "load_ms" in found.facts
    assert not list(sshd.scratch.iterdir())


def test_the_files_digest_and_runtime_are_told(sshd: Sshd, tflite_file: Path) -> None:
    found = measure(sshd.device, tflite_file)
    artifact = runtimes.describe(tflite_file)
    assert found.sha256 == artifact.sha256
    assert found.runtime == dict(runtimes.open_runner(artifact).versions)
    assert found.agreement.largest_steps == 0


def test_it_works_inside_an_event_loop(sshd: Sshd, tflite_file: Path) -> None:
    async def notebook() -> DeviceMeasurement:
        return measure(sshd.device, tflite_file)

    assert asyncio.run(notebook()).latency is not None


def toml_of(device: Device, folder: Path) -> Path:
    path = folder / "mine.toml"
    address = ", ".join(f"{k} = {json.dumps(v)}" for k, v in asdict(device.address).items())
    path.write_text(
        'schema = 1\nname = "mine"\nkind = "ssh"\ndescription = "My board"\n'
        f"address = {{ {address} }}\n"
    )
    return path


def test_a_board_is_a_few_lines_of_toml(sshd: Sshd, tflite_file: Path, tmp_path: Path) -> None:
    own = str(toml_of(sshd.device, tmp_path))
    found = edgekit.benchmark(tflite_file, own, warmup=1, min_runs=12, min_seconds=0.0)
    assert [one.device for one in found.measurements] == ["mine"]


def test_a_board_that_is_there_is_ready_and_computes_right(sshd: Sshd) -> None:
    backend = backend_of(sshd.device)
    assert backend.state(sshd.device).readiness == "ready"
    assert list(backend.needs(sshd.device)) == []
    assert list(backend.check(sshd.device)) == []


def test_a_board_hands_out_what_it_computes(sshd: Sshd, tflite_file: Path) -> None:
    backend, artifact = backend_of(sshd.device), runtimes.describe(tflite_file)
    assert isinstance(backend, Computes)
    samples = {artifact.inputs[0].name: known_model.samples()}
    found = backend.outputs(sshd.device, artifact, samples)
    np.testing.assert_array_equal(found[artifact.outputs[0].name], known_model.expected())
    assert not list(sshd.scratch.iterdir())


def test_a_file_is_scored_on_a_board(sshd: Sshd, tflite_file: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.npz"
    np.savez(data, x=known_model.samples(), y=known_model.expected() + 1)
    own = str(toml_of(sshd.device, tmp_path))
    (found,) = edgekit.benchmark(
        tflite_file, own, warmup=1, min_runs=1, min_seconds=0.0, evaluate=data, metric="mae"
    ).measurements
    assert found.accuracy is not None
    assert found.accuracy.device_score == found.accuracy.host_score == pytest.approx(1.0)
    assert (found.accuracy.samples, found.accuracy.other_outputs) == (16, 0)


def test_a_runtime_may_be_demanded(sshd: Sshd, tflite_file: Path, onnx_file: Path) -> None:
    device = replace(sshd.device, runtime=Runtime(name="onnxruntime", version="0.1"))
    found = measure(device, onnx_file)
    assert any("expected onnxruntime 0.1, as declared" in said for said in found.warnings)
    with pytest.raises(DeviceError, match="board: onnxruntime does not run tflite files"):
        measure(device, tflite_file)


def test_a_changed_host_key_is_refused(sshd: Sshd, tflite_file: Path) -> None:
    sshd.new_host_key()
    with pytest.raises(DeviceError, match=r"host key of .* has changed to ssh-ed25519 SHA256:"):
        measure(sshd.device, tflite_file)
    state = backend_of(sshd.device).state(sshd.device)
    assert (state.readiness, "has changed" in state.why) == ("unreachable", True)


def test_a_host_key_of_another_kind_is_refused(sshd: Sshd, tflite_file: Path) -> None:
    sshd.new_host_key("ecdsa")
    with pytest.raises(DeviceError, match="has changed to ecdsa-sha2-nistp256 SHA256:"):
        measure(sshd.device, tflite_file)


def test_an_unknown_host_key_is_shown_and_refused(sshd: Sshd, tflite_file: Path) -> None:
    empty = sshd.folder / "empty"
    empty.touch()
    told = subprocess.run(
        ["ssh-keygen", "-lf", str(sshd.folder / "host.pub")], capture_output=True, text=True
    ).stdout.split()[1]
    with pytest.raises(DeviceError, match="is not in known_hosts") as caught:
        measure(sshd.at(known_hosts=str(empty)), tflite_file)
    assert told in str(caught.value)
    # Nor without a file at all: the home folder of this test has none.
    with pytest.raises(DeviceError, match="is not in known_hosts"):
        measure(sshd.at(known_hosts=""), tflite_file)
    # A key of the right host under another port is no excuse either.
    empty.write_text(f"[127.0.0.1]:1 {public(sshd.folder / 'host')}\n")
    with pytest.raises(DeviceError, match="is not in known_hosts"):
        measure(sshd.at(known_hosts=str(empty)), tflite_file)


def test_the_users_ssh_configuration_cannot_switch_checking_off(
    sshd: Sshd, tflite_file: Path
) -> None:
    sshd.new_host_key()
    folder = Path("~/.ssh").expanduser()
    folder.mkdir()
    (folder / "config").write_text("StrictHostKeyChecking no\nUserKnownHostsFile none\n")
    with pytest.raises(DeviceError, match="has changed"):
        measure(sshd.device, tflite_file)


def test_a_key_that_the_board_does_not_know(sshd: Sshd, tflite_file: Path) -> None:
    make_key(sshd.folder / "stranger")
    with pytest.raises(DeviceError, match=r"refuses our key; .*ssh-copy-id"):
        measure(sshd.at(key=str(sshd.folder / "stranger")), tflite_file)


def test_keys_that_cannot_be_used(sshd: Sshd, tflite_file: Path) -> None:
    with pytest.raises(DeviceError, match="gone"):
        measure(sshd.at(key=str(sshd.folder / "gone")), tflite_file)
    with pytest.raises(DeviceError, match="name a private key"):
        measure(sshd.at(key=str(tflite_file)), tflite_file)
    locked = sshd.folder / "locked"
    subprocess.run(["ssh-keygen", "-q", "-N", "secret", "-f", str(locked)], check=True)
    with pytest.raises(DeviceError, match="passphrase; add it to ssh-agent"):
        measure(sshd.at(key=str(locked)), tflite_file)


@pytest.mark.parametrize("during", ["the run", "the upload"])
def test_a_cut_connection_is_one_line_and_nothing_stays(
    sshd: Sshd, during: str, tflite_file: Path, tmp_path: Path
) -> None:
    def cut() -> None:
        wait_for(sshd.agents if during == "the run" else lambda: list(sshd.scratch.iterdir()))
        sshd.signal_sessions(signal.SIGKILL)

    file = tflite_file if during == "the run" else padded(tflite_file, 64 * 2**20)
    killer = threading.Thread(target=cut, daemon=True)
    killer.start()
    with pytest.raises(DeviceError, match=r"board: the connection .*lost") as caught:
        measure(sshd.device, file, LONG)
    killer.join()
    assert "\n" not in str(caught.value)
    wait_for(lambda: not list(sshd.scratch.iterdir()))
    wait_for(lambda: not sshd.agents())


def padded(file: Path, size: int) -> Path:
    """The same file, larger."""
    with file.open("ab") as out:
        out.write(bytes(size))
    return file


def test_a_file_that_does_not_fit_on_the_board(
    make_sshd: Callable[..., Sshd], tflite_file: Path
) -> None:
    sshd = make_sshd(most_bytes=2**20)
    measure(sshd.device, tflite_file)
    with pytest.raises(DeviceError, match=r"board: no room on the board's disk: .*; free some"):
        measure(sshd.device, padded(tflite_file, 2**22))
    assert not list(sshd.scratch.iterdir())


def test_a_full_disk_is_told_before_anything_is_sent(
    make_sshd: Callable[..., Sshd], tflite_file: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    try:
        sshd = make_sshd(scratch=small)
        with pytest.raises(DeviceError, match=r"4\.\d MiB needed, \d\.\d MiB free"):
            measure(sshd.device, padded(tflite_file, 2**22))
        assert not list(small.iterdir())
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def test_missing_packages_are_named(sshd: Sshd, bare_python: Path, tflite_file: Path) -> None:
    device = sshd.at(python=str(bare_python))
    backend = backend_of(device)
    assert backend.state(device).readiness == "ready"
    with pytest.raises(DeviceError, match="no ai-edge-litert or tflite-runtime for") as caught:
        measure(device, tflite_file)
    assert f"on the board: {bare_python} -m pip install ai-edge-litert" in str(caught.value)
    assert "no runtime there" in " ".join(backend.check(device))


def test_a_board_without_python(sshd: Sshd, tflite_file: Path) -> None:
    device = sshd.at(python="no-such-python3")
    state = backend_of(device).state(device)
    assert (state.readiness, "install Python 3.9" in state.why) == ("needs install", True)
    with pytest.raises(DeviceError, match=r"board: no Python there .*address.python"):
        measure(device, tflite_file)
    with pytest.raises(DeviceError, match="install Python"):
        backend_of(device).install(device, None)


def test_a_python_that_is_too_old(sshd: Sshd, tmp_path: Path) -> None:
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\nexit 93\n")  # what any Python before 3.9 does with the command
    old.chmod(0o755)
    device = sshd.at(python=str(old))
    assert "3.9 or later" in backend_of(device).state(device).why


def test_login_scripts_may_print(sshd: Sshd, tflite_file: Path, tmp_path: Path) -> None:
    loud = python_with(sshd, tmp_path, "echo Welcome!", "echo careful >&2")
    assert measure(sshd.at(python=loud), tflite_file).latency is not None


@pytest.mark.parametrize(
    ("source", "error", "match"),
    [
        (
            "raise ImportError('built for armv6')",
            DeviceError,
            "cannot be imported: built for armv6",
        ),
        (
            "class Interpreter:\n    def __init__(self, **given):\n"
            "        raise ValueError('no such operator: GELU')",
            ArtifactError,
            r"known.tflite: board: ai-edge-litert .* cannot open it: no such operator: GELU",
        ),
        ("import os\nos.kill(os.getpid(), 4)", DeviceError, r"the agent died \(signal 4"),
        ("raise SystemExit('odd')", DeviceError, r"the agent died \(exit code 1: odd"),
    ],
)
def test_runtimes_that_fail_there(
    sshd: Sshd, source: str, error: type[Exception], match: str, tflite_file: Path, tmp_path: Path
) -> None:
    package = tmp_path / "packages" / "ai_edge_litert"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "interpreter.py").write_text(source)
    wrapper = python_with(sshd, tmp_path, f"export PYTHONPATH={package.parent}")
    with pytest.raises(error, match=match) as caught:
        measure(sshd.at(python=wrapper), tflite_file)
    assert "\n" not in str(caught.value)
    assert not list(sshd.scratch.iterdir())


def python_with(sshd: Sshd, folder: Path, *before: str) -> str:
    """Return an interpreter for the board that does something else first."""
    path = folder / "own-python"
    lines = ["#!/bin/sh", *before, f'exec {sshd.device.address.python} "$@"', ""]
    path.write_text("\n".join(lines))
    path.chmod(0o755)
    return str(path)


def test_a_board_that_is_switched_off(sshd: Sshd) -> None:
    device = sshd.at(port=free_port())
    state = backend_of(device).state(device)
    assert state.readiness == "unreachable"
    assert "cannot be reached" in state.why


def test_work_that_takes_too_long_is_ended_there(sshd: Sshd, tflite_file: Path) -> None:
    artifact = runtimes.describe(tflite_file)
    ask, files = board.prepared(sshd.device, artifact, LONG, default_samples(artifact))
    answer = converse(sshd.device, opened, replace(ask, limit_s=1.0), files=files, limit_s=100.0)
    assert answer.error is not None
    assert (answer.error.kind, answer.error.text) == ("time", "no answer after 1 s")
    assert not sshd.agents()
    assert not list(sshd.scratch.iterdir())


def test_a_network_that_dies_is_noticed(
    sshd: Sshd, tflite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgekit.devices.remote.ssh.KEEPALIVE_S", 0.5)

    def freeze() -> None:
        wait_for(sshd.agents)
        sshd.signal_sessions(signal.SIGSTOP)

    freezer = threading.Thread(target=freeze, daemon=True)
    freezer.start()
    with pytest.raises(DeviceError, match=r"board: the connection .*lost"):
        measure(sshd.device, tflite_file, LONG)
    freezer.join()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_nothing_stays_where_this_side_is_ended(
    sshd: Sshd, how: signal.Signals, tflite_file: Path, tmp_path: Path
) -> None:
    own = toml_of(sshd.device, tmp_path)
    command = ["bench", str(tflite_file), "-d", str(own), "--min-runs", "1000000000", "-q"]
    with subprocess.Popen(
        [sys.executable, "-m", "edgekit", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as ours:
        wait_for(lambda: sshd.agents() or ours.poll() is not None)
        assert ours.poll() is None, ours.stderr.read().decode()
        ours.send_signal(how)
        ours.wait(timeout=120)
    wait_for(lambda: not sshd.agents())
    wait_for(lambda: not list(sshd.scratch.iterdir()))


def test_two_do_not_measure_on_one_board(sshd: Sshd, tflite_file: Path) -> None:
    def long() -> None:
        with contextlib.suppress(DeviceError):
            measure(sshd.device, tflite_file, LONG)

    first = threading.Thread(target=long, daemon=True)
    first.start()
    wait_for(sshd.agents)
    with pytest.raises(DeviceBusy, match="board: another edgekit measures there; try again later"):
        measure(sshd.device, tflite_file)
    sshd.signal_sessions(signal.SIGKILL)
    first.join()
    wait_for(lambda: not sshd.agents())
    assert measure(sshd.device, tflite_file).latency is not None


def test_what_killed_keepers_left_is_swept(sshd: Sshd, tflite_file: Path) -> None:
    old, new, held = (sshd.scratch / f"edgekit-board-{name}" for name in ("old", "new", "held"))
    for folder in (old, new, held):
        folder.mkdir()
        (folder / ".lock").touch()
    for folder in (old, held):
        os.utime(folder / ".lock", (0, 0))
    with (held / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        measure(sshd.device, tflite_file)
        assert set(sshd.scratch.iterdir()) == {new, held}


def test_without_asyncssh_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(name="b", kind="ssh", description="x", address=Address(host="127.0.0.1"))
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    state = backend_of(device).state(device)
    assert state.readiness == "needs install"
    assert "pip install 'edgekit-ml[ssh]'" in state.why


def test_a_board_that_says_nothing_is_given_up(sshd: Sshd, tmp_path: Path) -> None:
    silent = python_with(sshd, tmp_path, "sleep 30")
    with pytest.raises(DeviceError, match="no answer within 2 s"):
        converse(sshd.at(python=silent), opened, limit_s=2.0)


@pytest.mark.parametrize(
    ("address", "match"),
    [
        ({"host": ""}, r"needs \[address\] with host"),
        ({"python": "python3; reboot"}, "address.python: expected a name"),
        ({"python": "-c"}, "address.python: expected a name"),
        ({"known_hosts": "gone"}, "address.known_hosts: no such file: gone"),
    ],
)
def test_addresses_that_cannot_be(
    sshd: Sshd, address: dict[str, str], match: str, tflite_file: Path
) -> None:
    with pytest.raises(OptionError, match=match):
        measure(sshd.at(**address), tflite_file)
