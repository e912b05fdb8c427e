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
_QUEUE_S = 3600.0  # that a task may wait for a device or a processor that others use
_MOST_CONTENT = 16  # files that the cluster is made to keep
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

    def _offered_now(self) -> set[str] | None:
        """Return ``offered()``; None where the cluster does not answer."""
        try:
            return self.offered()
        except (self._ray.exceptions.RayError, RuntimeError, ConnectionError, OSError):
            return None

    def perform(self, task: Task) -> Future[Outcome]:
        """See ``Workforce``."""
        if task.device.name not in (self._offered_now() or ()):
            return _gone(task.device)
        options = self._options(task.device)
        ref = self._perform.options(**options).remote(task, self._shipped(task.file))
        return self._watched(ref, task.device, task.most_s + _QUEUE_S)

    def look(self, device: Device, formats: frozenset[str], timeout_s: float) -> Future[Seen]:
        """See ``Workforce``."""
        if device.name not in (self._offered_now() or ()):
            return _gone(device)
        owner = self._owner(device)
        if owner is None:
            return _gone(device)
        there = extras.load("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        # Not for the device itself: that somebody measures on it is no reason not to look.
        placed = self._look.options(
            num_cpus=0, scheduling_strategy=there(owner["NodeID"], soft=False)
        )
        return self._watched(placed.remote(device, formats), device, timeout_s)

    def close(self, *, now: bool) -> None:
        """See ``Workforce``; the cluster itself goes on, and ends tasks whose driver has left."""
        self._closed.set()
        self._watcher.join()
        self._ray.shutdown()

    def _owner(self, device: Device) -> Mapping[str, Any] | None:
        """Return the node that owns a device; None if there is none now."""
        found: Mapping[str, Any] | None = next(
            (n for n in self._ray.nodes() if n["Alive"] and resource(device) in n["Resources"]),
            None,
        )
        return found

    def _options(self, device: Device) -> Mapping[str, Any]:
        """Ask for the device, and for all processors of its node where it is timed on it."""
        owner = self._owner(device) or {}
        of = int(owner.get("Resources", {}).get("CPU", 1))
        return {"num_cpus": processors(device, of), "resources": {resource(device): 1}}

    def _shipped(self, file: str) -> Any:
        """Return a reference to the content of a file, of which the cluster holds one copy."""
        if file not in self._content:
            parts = runtimes.describe(file).files
            while len(self._content) >= _MOST_CONTENT:
                self._content.pop(next(iter(self._content)))
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
            offered = self._offered_now()
            with self._lock:
                pending = list(self._pending)
            for one in pending:
                if offered is None:
                    self._give_up(one, DeviceLost(
                        f"{one.device.name}: the cluster does not answer any more"))  # fmt: skip
                elif time.monotonic() > one.late_s:
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
