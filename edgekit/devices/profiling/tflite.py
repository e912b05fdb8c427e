"""TFLite files in LiteRT's C interface, whose profiler tells of each operator.

The Python interpreter has none. The library is the one that it uses, the kernels are the same. The
interface is not documented and may change: what it tells is held against the clock.
"""

from __future__ import annotations

import ctypes
import importlib.util
import time
from collections.abc import Iterable, Iterator, Mapping
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint64, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.bench.job import Job
from edgekit.devices.profiling.rows import Row
from edgekit.errors import DeviceError

_CPU, _WRITE = 1, 1
_OPERATOR, _DELEGATED = 2, 8  # of the file, which tells its place; of XNNPACK's own
_TYPE_BYTES = 256  # LiteRtRankedTensorType: element, rank, then up to eight dimensions
_SLACK_US = 200.0


class _Event(ctypes.Structure):
    """LiteRtProfilerEvent."""

    _fields_ = (
        ("tag", c_char_p), ("kind", c_int), ("start_us", c_uint64), ("elapsed_us", c_uint64),
        ("memory", c_int64 * 6), ("node", c_uint64), ("graph", c_uint64), ("source", c_int),
    )  # fmt: skip


def inferences(
    job: Job, stored: Mapping[str, NDArray[Any]], turns: Iterable[bool]
) -> Iterator[list[Row]]:
    """Yield what ran in each inference but those before.

    Raises:
        DeviceError: the runtime has no such interface, refuses the file, or tells nonsense.
    """
    if job.threads > 1:
        raise DeviceError(f"LiteRT's profiler is for one thread, not for {job.threads}")
    model = _Model(_library(), job.artifact.path)
    model.place(stored)
    for counts in turns:
        rows = model.profiled()
        if counts:
            yield rows


def _library() -> ctypes.CDLL:
    found = importlib.util.find_spec("ai_edge_litert")
    if found is None or not found.origin:
        raise DeviceError("ai-edge-litert is not installed, which alone tells operators apart")
    try:
        return ctypes.CDLL(str(Path(found.origin).parent / "libLiteRt.so"))
    except OSError as error:
        raise DeviceError(f"ai-edge-litert has no C interface here: {error}") from error


class _Model:
    """A file that is compiled with a profiler; what it holds ends with the process."""

    def __init__(self, library: ctypes.CDLL, path: Path) -> None:
        self._library = library
        environment, model, self._compiled, self._profiler = (c_void_p() for _ in range(4))
        self._call("CreateEnvironment", 0, None, byref(environment))
        self._call("CreateModelFromFile", environment, str(path).encode(), byref(model))
        self._call("CreateCompiledModel", environment, model, self._options(),
                   byref(self._compiled))  # fmt: skip
        self._call("CompiledModelGetProfiler", self._compiled, byref(self._profiler))
        self._signature = c_void_p()
        self._call("GetModelSignature", model, c_size_t(0), byref(self._signature))
        self._inputs = self._buffers(environment, "Input")
        self._outputs = self._buffers(environment, "Output")

    def _call(self, name: str, *arguments: object) -> None:
        try:
            function = getattr(self._library, f"LiteRt{name}")
        except AttributeError as error:
            raise DeviceError(f"this version of ai-edge-litert has no LiteRt{name}") from error
        if status := function(*arguments):
            raise DeviceError(f"LiteRt{name} refuses the file (status {status})")

    def _options(self) -> c_void_p:
        c = ctypes.CDLL(None)
        c.strdup.restype = c_void_p
        options, more = c_void_p(), c_void_p()
        said = c_void_p(c.strdup(b"enable_profiling = true\n"))
        self._call("CreateOptions", byref(options))
        self._call("SetOptionsHardwareAccelerators", options, _CPU)
        self._call("CreateOpaqueOptions", b"runtime_options_string", said,
                   ctypes.cast(c.free, c_void_p), byref(more))  # fmt: skip
        self._call("AddOpaqueOptions", options, more)
        return options

    def _buffers(self, environment: c_void_p, which: str) -> Any:
        """Return the buffers of all inputs, or all outputs."""
        count = c_size_t()
        self._call(f"GetNumSignature{which}s", self._signature, byref(count))
        made = (c_void_p * count.value)()
        for place in range(count.value):
            tensor, needs, buffer = c_void_p(), c_void_p(), c_void_p()
            kind = ctypes.create_string_buffer(_TYPE_BYTES)
            at = c_size_t(place)
            self._call(f"GetSignature{which}TensorByIndex", self._signature, at, byref(tensor))
            self._call("GetRankedTensorType", tensor, kind)
            sizes = ctypes.cast(kind, POINTER(c_int32))
            for dimension in range(2, 10):
                sizes[dimension] = 1 if sizes[dimension] == -1 else sizes[dimension]
            self._call(f"GetCompiledModel{which}BufferRequirements", self._compiled, c_size_t(0),
                       at, byref(needs))  # fmt: skip
            self._call("CreateManagedTensorBufferFromRequirements", environment, kind, needs,
                       byref(buffer))  # fmt: skip
            made[place] = buffer
        return made

    def place(self, stored: Mapping[str, NDArray[Any]]) -> None:
        """Set the inputs: by the signature's names, or in its order where it has others."""
        names = [self._name(place) for place in range(len(self._inputs))]
        if set(names) != set(stored):
            names = list(stored)
        for buffer, name in zip(self._inputs, names, strict=True):
            array, size, at = np.ascontiguousarray(stored[name]), c_size_t(), c_void_p()
            self._call("GetTensorBufferPackedSize", c_void_p(buffer), byref(size))
            if size.value != array.nbytes:
                raise DeviceError(f"input {name!r} takes {size.value} bytes, not {array.nbytes}")
            self._call("LockTensorBuffer", c_void_p(buffer), byref(at), _WRITE)
            ctypes.memmove(at, array.ctypes.data, array.nbytes)
            self._call("UnlockTensorBuffer", c_void_p(buffer))

    def _name(self, place: int) -> str:
        name = c_char_p()
        self._call("GetSignatureInputName", self._signature, c_size_t(place), byref(name))
        return (name.value or b"").decode(errors="replace")

    def profiled(self) -> list[Row]:
        """Run one inference, and return what ran."""
        self._call("ResetProfiler", self._profiler)
        self._call("StartProfiler", self._profiler)
        started = time.perf_counter()
        self._call("RunCompiledModel", self._compiled, c_size_t(0),
                   c_size_t(len(self._inputs)), self._inputs,
                   c_size_t(len(self._outputs)), self._outputs)  # fmt: skip
        whole_us = (time.perf_counter() - started) * 1e6
        self._call("StopProfiler", self._profiler)
        return rows_of(self._events(), whole_us)

    def _events(self) -> Any:
        count = c_int()
        self._call("GetNumProfilerEvents", self._profiler, byref(count))
        events = (_Event * max(count.value, 0))()
        self._call("GetProfilerEvents", self._profiler, count, events)
        return events


def rows_of(events: Iterable[Any], whole_us: float) -> list[Row]:
    """Return what ran in the main graph; bodies of loops belong to their operators.

    Raises:
        DeviceError: it would have taken longer than the inference: the interface has changed.
    """
    rows = [
        Row(name=(each.tag or b"").decode(errors="replace"), us=float(each.elapsed_us),
            node=int(each.node) if each.kind == _OPERATOR else None)
        for each in events
        if each.kind in (_OPERATOR, _DELEGATED) and each.graph == 0
    ]  # fmt: skip
    if sum(row.us for row in rows) > 1.1 * whole_us + _SLACK_US:
        raise DeviceError("the profiler tells more time than has passed: it has changed")
    return rows
