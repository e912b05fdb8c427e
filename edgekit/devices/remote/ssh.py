"""Boards over SSH."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.artifact import Artifact
from edgekit.devices.backend import Fetch, Outputs, Request, Samples, State
from edgekit.devices.declaration import Address, Device
from edgekit.devices.figures import DeviceMeasurement
from edgekit.devices.remote import board, protocol
from edgekit.devices.remote.talk import Line
from edgekit.errors import DeviceError, MissingExtra, OptionError, one_line
from edgekit.progress import Progress

if TYPE_CHECKING:
    import asyncssh

CONNECT_S = 10.0
KEEPALIVE_S = 10.0
KNOWN_HOSTS = (Path("~/.ssh/known_hosts"), Path("/etc/ssh/ssh_known_hosts"))


class SshBackend:
    """Measures on a board that a key of the user's opens, and whose own key is known."""

    def state(self, device: Device) -> State:
        """Connect, and ask for Python; quick."""
        try:
            _asyncssh()
        except MissingExtra as error:
            return State(readiness="needs install", why=str(error))
        return board.state_of(device, opened)

    def needs(self, device: Device) -> Sequence[Fetch]:
        """Return nothing: what a board needs is installed there by its owner."""
        return ()

    def install(self, device: Device, progress: Progress) -> None:
        """Do nothing, or say what has to be installed by hand; see ``Backend``."""
        state = self.state(device)
        if state.readiness == "needs install":
            raise DeviceError(f"{device.name}: {state.why}")

    def check(self, device: Device) -> Sequence[str]:
        """Run a file whose outputs are known; see ``Backend``."""
        return board.check_on(device, opened)

    def measure(self, device: Device, artifact: Artifact, request: Request) -> DeviceMeasurement:
        """Measure; see ``Backend``."""
        _asyncssh()
        return board.measure_on(device, artifact, request, opened)

    def outputs(self, device: Device, artifact: Artifact, samples: Samples) -> Outputs:
        """Run samples there; see ``Computes``."""
        _asyncssh()
        return board.outputs_on(device, artifact, samples, opened)


@contextlib.asynccontextmanager
async def opened(device: Device) -> AsyncIterator[Line]:
    """Connect, and start the keeper.

    Raises:
        DeviceError: the board cannot be reached, is not the one that is known, or refuses us.
        OptionError: the declaration lacks something.
    """
    ssh, address = _asyncssh(), _address(device)
    command = protocol.command(address.python)
    known = _known_hosts(address)
    host_key = _HostKey()
    with _explained(ssh, address, host_key):
        connection = await _connected(ssh, address, known, host_key)
        try:
            process = await connection.create_process(command, encoding=None)

            async def ended() -> int | None:
                await process.wait_closed()
                code: int | None = process.returncode
                return code

            yield Line(
                stdin=process.stdin, stdout=process.stdout, stderr=process.stderr, ended=ended
            )
        finally:
            connection.abort()  # not close: on a dead network that waits


async def _connected(ssh: Any, address: Address, known: list[str], host_key: _HostKey) -> Any:
    given: dict[str, Any] = {
        "known_hosts": known or b"",
        "client_factory": _watcher(ssh, known, host_key),
        "connect_timeout": CONNECT_S,
        "login_timeout": CONNECT_S,
        "keepalive_interval": KEEPALIVE_S,
        "preferred_auth": "publickey",
        **_given(address),
    }
    try:
        return await ssh.connect(address.host, **given)
    except (ssh.KeyExchangeFailed, ssh.ConnectionLost, ConnectionResetError):
        # Only keys of the kinds that are known were asked for; a board that has none of them hangs
        # up. Asked for any, it shows the one that it has, which is checked all the same.
        return await ssh.connect(address.host, **given, server_host_key_algs="default")


def _asyncssh() -> Any:
    try:
        import asyncssh
    except ImportError as error:
        raise MissingExtra("asyncssh", "ssh") from error
    return asyncssh


def _address(device: Device) -> Address:
    if device.address is None or not device.address.host:
        raise OptionError(
            f'{device.name}: a device of kind ssh needs [address] with host, such as "pi.local"'
        )
    return device.address


def _known_hosts(address: Address) -> list[str]:
    """Return the files that say which keys boards have."""
    if not address.known_hosts:
        return [str(p.expanduser()) for p in KNOWN_HOSTS if p.expanduser().is_file()]
    path = Path(address.known_hosts).expanduser()
    if not path.is_file():
        raise OptionError(f"address.known_hosts: no such file: {path}")
    return [str(path)]


def _given(address: Address) -> dict[str, Any]:
    """Return what is declared; the rest is as in the user's SSH configuration."""
    given: dict[str, Any] = {}
    if address.port:
        given["port"] = address.port
    if address.user:
        given["username"] = address.user
    if address.key:
        given["client_keys"] = [str(Path(address.key).expanduser())]
    return given


class _HostKey:
    """The key that a board showed and that is not known; ``changed`` if it had another before."""

    fingerprint = ""
    kind = ""
    changed = False


def _watcher(ssh: Any, known: list[str], host_key: _HostKey) -> type[asyncssh.SSHClient]:
    """Return what refuses unknown keys, and tells which they were."""

    class Watcher(ssh.SSHClient):  # type: ignore[misc]
        def validate_host_public_key(self, host: str, addr: str, port: int, key: Any) -> bool:
            host_key.fingerprint, host_key.kind = key.get_fingerprint(), key.get_algorithm()
            host_key.changed = bool(known and ssh.match_known_hosts(known, host, addr, port)[0])
            return False

    return Watcher


@contextlib.contextmanager
def _explained(ssh: Any, address: Address, host_key: _HostKey) -> Iterator[None]:
    where = f"{address.host}:{address.port}" if address.port else address.host
    try:
        yield
    except (ssh.Error, ssh.KeyImportError, ssh.ConfigParseError, OSError) as error:
        raise DeviceError(_why(ssh, error, where, host_key)) from error


def _why(ssh: Any, error: Exception, where: str, host_key: _HostKey) -> str:
    shown = f"{host_key.kind} {host_key.fingerprint}"
    if host_key.changed:
        return (
            f"the host key of {where} has changed to {shown}: the board was set up anew, or another"
            " machine answers in its place; once you know which, mend known_hosts"
        )
    if host_key.fingerprint:
        return (
            f"the host key of {where} is not in known_hosts: it is {shown}; compare that with the"
            " board's own, then add it with ssh-keyscan"
        )
    if isinstance(error, ssh.HostKeyNotVerifiable):
        return f"the host key of {where} cannot be trusted: {one_line(error)}; mend known_hosts"
    if isinstance(error, ssh.KeyImportError) and "assphrase" in str(error):
        return "the key has a passphrase; add it to ssh-agent, and leave address.key out"
    if isinstance(error, ssh.KeyImportError):
        return f"address.key cannot be read: {one_line(error)}; name a private key"
    if isinstance(error, ssh.PermissionDenied):
        return (
            f"{where} refuses our key; set address.user and address.key, and install the key with"
            " ssh-copy-id"
        )
    if isinstance(error, TimeoutError):
        return f"{where} does not answer within {CONNECT_S:g} s; is it switched on?"
    if isinstance(error, (ssh.ConnectionLost, ConnectionResetError, BrokenPipeError)):
        return f"the connection to {where} was lost: {one_line(error)}"
    return f"{where} cannot be reached: {one_line(error)}"
