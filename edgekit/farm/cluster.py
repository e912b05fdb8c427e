"""The workforce of a Ray cluster: each device is a resource of the node that owns it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from edgekit import extras, runtimes
from edgekit.devices.declaration import Device
from edgekit.devices.readiness import Seen
from edgekit.errors import DeviceError, DeviceLost, OptionError, one_line
from edgekit.farm.task import Outcome, Task, look, perform_far
from edgekit.farm.workforce import processors

_PREFIX = "edgekit:"
_WATCH_S = 1.0
_CONNECT_S = 10.0
_HEALTH_S = 20.0


@dataclass(eq=False, kw_only=True)
class _Pending:
    """A task on its way."""

    ref: Any
    device: Device
    late_s: float
    timeout_s: float
    told: Future[Any] = field(default_factory=Future)


def resource(device: Device) -> str:
    """Return the name of the resource that a node which owns a device offers."""
    return f"{_PREFIX}{device.name}"


def resources(devices: Iterable[Device]) -> str:
    """Return what ``ray start --resources`` is to be given on the node that owns the devices."""
    return json.dumps({resource(device): 1 for device in devices})


class Cluster:
    """An existing cluster; files go there with their tasks.

    Tasks are not repeated by Ray: what is done about a loss is decided in one place for all kinds
    of workforce. Nothing is told to Ray's makers.

    Raises:
        MissingExtra: Ray is not installed.
        OptionError: no cluster answers at the address.
    """

    def __init__(self, address: str) -> None:
        _refuse_silent(address)
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        self.cpus: int | None = None
        self._ray = extras.load("ray")
        try:
            self._ray.init(address=address, log_to_driver=False, logging_level="ERROR",
                           configure_logging=True)  # fmt: skip
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise _no_cluster(address, one_line(error)) from error
        self._perform = self._ray.remote(max_retries=0)(perform_far)
        self._look = self._ray.remote(max_retries=0)(look)
        self._content: dict[str, Any] = {}
        self._pending: set[_Pending] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watch tasks", daemon=True)
        self._watcher.start()

    def offered(self) -> set[str]:
        """Return the names of the devices that nodes of the cluster own now."""
        return {
            name.removeprefix(_PREFIX)
            for name in self._ray.cluster_resources() if name.startswith(_PREFIX)
        }  # fmt: skip

    def perform(self, task: Task, timeout_s: float) -> Future[Outcome]:
        """See ``Workforce``."""
        if task.device.name not in self.offered():
            return _gone(task.device)
        options = self._options(task.device)
        ref = self._perform.options(**options).remote(task, self._shipped(task.file))
        return self._watched(ref, task.device, timeout_s)

    def look(self, device: Device, formats: frozenset[str], timeout_s: float) -> Future[Seen]:
        """See ``Workforce``."""
        if device.name not in self.offered():
            return _gone(device)
        placed = self._look.options(num_cpus=0, resources={resource(device): 1})
        ref = placed.remote(device, formats)
        return self._watched(ref, device, timeout_s)

    def close(self, *, now: bool) -> None:
        """See ``Workforce``; the cluster itself goes on, and ends tasks whose driver has left."""
        self._closed.set()
        self._watcher.join()
        self._ray.shutdown()

    def _options(self, device: Device) -> Mapping[str, Any]:
        """Ask for the device, and for all processors of its node where it is timed on it."""
        owner: Mapping[str, Any] = next(
            (n for n in self._ray.nodes() if n["Alive"] and resource(device) in n["Resources"]), {}
        )
        of = int(owner.get("Resources", {}).get("CPU", 1))
        need = processors(device, of)
        return {"num_cpus": need, "resources": {resource(device): 1}}

    def _shipped(self, file: str) -> Any:
        """Return a reference to the content of a file, of which the cluster holds one copy."""
        if file not in self._content:
            parts = runtimes.describe(file).files
            self._content[file] = self._ray.put({path.name: path.read_bytes() for path in parts})
        return self._content[file]

    def _watched(self, ref: Any, device: Device, timeout_s: float) -> Future[Any]:
        """Return a future that ends in edgekit's words, and in time."""
        pending = _Pending(ref=ref, device=device, late_s=time.monotonic() + timeout_s,
                           timeout_s=timeout_s)  # fmt: skip
        with self._lock:
            self._pending.add(pending)
        ref.future().add_done_callback(lambda done: self._conclude(pending, done))
        return pending.told

    def _conclude(self, pending: _Pending, done: Future[Any]) -> None:
        error = done.exception()
        if not self._claim(pending):
            return  # it was given up before
        if error is None:
            pending.told.set_result(done.result())
        else:
            pending.told.set_exception(self._in_our_words(error, pending.device))

    def _watch(self) -> None:
        """End tasks that are late, and those whose device has left: they would wait for ever."""
        while not self._closed.wait(_WATCH_S):
            offered = self.offered()
            with self._lock:
                pending = list(self._pending)
            for one in pending:
                if time.monotonic() > one.late_s:
                    self._give_up(one, DeviceError(
                        f"{one.device.name}: no answer within {one.timeout_s:g} s"))  # fmt: skip
                elif one.device.name not in offered:
                    self._give_up(one, _absence(one.device))

    def _give_up(self, pending: _Pending, error: DeviceError) -> None:
        if self._claim(pending):
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._ray.cancel(pending.ref, force=True)
            pending.told.set_exception(error)

    def _claim(self, pending: _Pending) -> bool:
        """Whether a future is still to be told, and is now told by the caller alone."""
        with self._lock:
            if pending not in self._pending:
                return False
            self._pending.remove(pending)
            return True

    def _in_our_words(self, error: BaseException, device: Device) -> BaseException:
        kinds = self._ray.exceptions
        if isinstance(error, kinds.RayTaskError):  # raised by our own code there
            cause: BaseException | None = getattr(error, "cause", None)
            return cause or error
        if isinstance(error, kinds.RayError):
            return DeviceLost(f"{device.name}: its node was lost: {one_line(error, most=120)}")
        return error


def _refuse_silent(address: str) -> None:
    """Refuse an address where no cluster is: Ray itself would try for minutes.

    Addresses of Ray's client server (``ray://``) need no more than that somebody listens.
    """
    if address == "auto":
        return
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    try:
        if not (colon and port.isdigit()):
            raise ValueError("expected HOST:PORT, ray://HOST:PORT or auto")
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()
        if not address.startswith("ray://"):
            asked = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address"]
            subprocess.run([*asked, address], check=True, capture_output=True, timeout=_HEALTH_S)
    except subprocess.SubprocessError as error:
        raise _no_cluster(address, "somebody listens, and does not answer as Ray does") from error
    except (OSError, ValueError, OverflowError) as error:
        raise _no_cluster(address, one_line(error)) from error


def _no_cluster(address: str, why: str) -> OptionError:
    return OptionError(
        f"--address {address}: no Ray cluster answers there ({why}); "
        "`ray status` on a node tells its address"
    )


def _gone(device: Device) -> Future[Any]:
    told: Future[Any] = Future()
    told.set_exception(_absence(device))
    return told


def _absence(device: Device) -> DeviceLost:
    return DeviceLost(f"{device.name}: no node of the cluster offers {resource(device)!r} now")
