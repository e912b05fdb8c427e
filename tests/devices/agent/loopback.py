"""Boards to talk to: a real sshd on loopback, and files that they can run."""

from __future__ import annotations

import contextlib
import getpass
import os
import resource
import shutil
import signal
import socket
import subprocess
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from plain_python import plain_python
from waiting import wait_for

from edgekit.devices import known_model
from edgekit.devices.declaration import Address, Device

SSHD = Path("/usr/sbin/sshd")


@pytest.fixture
def tflite_file(tmp_path: Path) -> Path:
    """One int8 convolution."""
    path = tmp_path / "known.tflite"
    path.write_bytes(known_model.content())
    return path


@pytest.fixture
def onnx_file(tmp_path: Path) -> Path:
    """y = 2 x, for any batch."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "two"], ["y"])],
        "double",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(np.float32(2.0), "two")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = tmp_path / "double.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
def openvino_file(onnx_file: Path) -> Path:
    """The same as OpenVINO IR: two files."""
    pytest.importorskip("openvino")
    from edgekit.extras import load

    openvino = load("openvino")
    path = onnx_file.with_suffix(".xml")
    openvino.save_model(openvino.Core().read_model(str(onnx_file)), path, compress_to_fp16=False)
    return path


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python without any package."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    return folder / "bin" / "python"


@pytest.fixture
def scratch_folder(tmp_path: Path) -> Path:
    """Where a board's temporary files go."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@dataclass(frozen=True)
class Sshd:
    """A running sshd, and a device that is reached through it."""

    process: psutil.Process
    folder: Path
    scratch: Path
    device: Device = field(repr=False)

    def at(self, **address: object) -> Device:
        """The device, with another address."""
        assert self.device.address is not None
        return replace(self.device, address=replace(self.device.address, **address))

    def new_host_key(self, kind: str = "ed25519") -> None:
        """Give the board another key, as if it had been set up anew."""
        make_key(self.folder / "host", kind)
        self.process.send_signal(signal.SIGHUP)
        # It starts anew on SIGHUP, and the same process listens again.
        wait_for(lambda: shown_key(self.device) == public(self.folder / "host"))

    def agents(self) -> list[psutil.Process]:
        """Processes of the agent."""
        return processes_in(self.scratch)

    def sessions(self) -> list[psutil.Process]:
        """Processes that each serve one connection."""
        return [
            one for one in psutil.process_iter(["ppid"]) if one.info["ppid"] == self.process.pid
        ]

    def signal_sessions(self, number: signal.Signals) -> None:
        """Send a signal to each that has not ended by itself meanwhile."""
        for one in self.sessions():
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(number)


def processes_in(folder: Path) -> list[psutil.Process]:
    """Processes that were started in a folder of this folder, as agents are.

    Not by their parents: psutil tells these by when they started, which is not always right.
    """
    found = psutil.process_iter(["cwd"])
    return [one for one in found if (one.info["cwd"] or "").startswith(f"{folder}/")]


def make_key(path: Path, kind: str = "ed25519") -> None:
    for one in (path, path.with_name(f"{path.name}.pub")):
        one.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)], check=True)


def public(path: Path) -> str:
    return " ".join(path.with_name(f"{path.name}.pub").read_text().split()[:2])


def shown_key(device: Device) -> str:
    """The key that a board shows just now; "" if it does not listen."""
    assert device.address is not None
    done = subprocess.run(
        ["ssh-keyscan", "-T", "5", "-p", str(device.address.port), device.address.host],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    return " ".join(lines[0].split()[1:]) if lines else ""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def make_sshd(
    tmp_path: Path, scratch_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Sshd]]:
    """Start sshds; ``most_bytes`` is the largest file that can be written there."""
    pytest.importorskip("asyncssh")
    if not (SSHD.is_file() and shutil.which("ssh-keygen") and shutil.which("ssh-keyscan")):
        pytest.skip("needs sshd and ssh-keygen: apt-get install openssh-server openssh-client")
    # The user's own configuration and keys stay out of it.
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with contextlib.ExitStack() as stack:

        def make(*, most_bytes: int = resource.RLIM_INFINITY, scratch: Path | None = None) -> Sshd:
            return stack.enter_context(
                running_sshd(tmp_path, scratch or scratch_folder, most_bytes)
            )

        yield make


@contextlib.contextmanager
def running_sshd(folder: Path, scratch: Path, most_bytes: int) -> Iterator[Sshd]:
    port, user = free_port(), getpass.getuser()
    make_key(folder / "host")
    make_key(folder / "client")
    shutil.copy(folder / "client.pub", folder / "authorized")
    (folder / "known").write_text(f"[127.0.0.1]:{port} {public(folder / 'host')}\n")
    settings = {
        "ListenAddress": "127.0.0.1", "Port": port, "HostKey": folder / "host", "UsePAM": "no",
        "AuthorizedKeysFile": folder / "authorized", "StrictModes": "no", "PidFile": "none",
        "PasswordAuthentication": "no", "SetEnv": f"TMPDIR={scratch} PYTHONDONTWRITEBYTECODE=1",
    }  # fmt: skip
    configuration = folder / "sshd_config"
    configuration.write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    log = (folder / "sshd.log").open("wb")
    process = subprocess.Popen(
        [str(SSHD), "-D", "-e", "-f", str(configuration)], stderr=log,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes)),
    )  # fmt: skip
    address = Address(
        host="127.0.0.1", port=port, user=user, key=str(folder / "client"),
        known_hosts=str(folder / "known"), python=plain_python(),
    )  # fmt: skip
    device = Device(name="board", kind="ssh", description="sshd on loopback", address=address)
    sshd = Sshd(psutil.Process(process.pid), folder, scratch, device)
    try:
        wait_for(lambda: shown_key(device) or process.poll() is not None)
        if process.poll() is not None:
            pytest.fail(f"sshd did not start: {(folder / 'sshd.log').read_text()}")
        yield sshd
    finally:
        left = [*sshd.sessions(), *sshd.agents()]
        for one in [*left, process]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait()
        log.close()


@pytest.fixture
def sshd(make_sshd: Callable[..., Sshd]) -> Sshd:
    """A board with nothing wrong."""
    return make_sshd()
