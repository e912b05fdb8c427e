"""Puts a mark before and after each operator that TFLite runs, on the device.

An interpreter has no profiler to ask, but hands its graph to delegates. The one here takes nothing
of it: it lets each operator of the main graph be run by a function that marks. What an earlier
delegate took over, such as XNNPACK, is one operator. Structures are those of
``tensorflow/lite/core/c/common.h``.
"""

import ctypes
from collections.abc import Callable

_POINTER = ctypes.c_void_p
_INVOKE = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, _POINTER)
_FIND = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, ctypes.c_int, _POINTER, _POINTER)
_PLAN, _NODE, _OWN = 1, 7, 3  # places of functions: in a context, and in a registration
_ANY_SHAPES = 1
_WARM = 20  # calls after which Python runs its own part the same way each time


class _Delegate(ctypes.Structure):
    _fields_ = (
        ("data", _POINTER),
        ("prepare", _INVOKE),
        ("copies", _POINTER * 3),
        ("flags", ctypes.c_int64),
        ("builder", _POINTER),
    )


class Watch:
    """Marks around operators; ``ran`` are the places of those that ran, in order."""

    def __init__(self, mark: Callable[[], object]) -> None:
        self.ran: list[int] = []
        self._mark = mark
        self._kept: list[object] = []
        nothing = ctypes.cast(ctypes.CDLL(None).labs, _POINTER).value
        self._idle = self._marked(_INVOKE(nothing), -1)
        prepare = _INVOKE(self._prepare)
        self._delegate = _Delegate(prepare=prepare, flags=_ANY_SHAPES)

    def place(self) -> int:
        """Return where the delegate lies, which an interpreter is to be modified with."""
        return ctypes.addressof(self._delegate)

    def begin(self, *, warm: bool) -> None:
        """Forget what ran, and mark something that does nothing, many times if ``warm``."""
        given = self.place()  # as large a number as what operators get
        for _ in range(_WARM if warm else 1):
            self._idle(given, given)
        self.ran.clear()

    def _prepare(self, context: int, delegate: int) -> int:
        if self._kept:  # another graph: what runs in bodies belongs to the operator that has them
            return 0
        functions = ctypes.cast(context, ctypes.POINTER(_POINTER))
        plan = ctypes.POINTER(ctypes.c_int)()
        _INVOKE(functions[_PLAN])(context, ctypes.addressof(plan))
        find = _FIND(functions[_NODE])
        for node in plan[1 : plan[0] + 1]:
            found, registration = _POINTER(), ctypes.POINTER(_POINTER)()
            find(context, node, ctypes.addressof(found), ctypes.addressof(registration))
            run = _INVOKE(self._marked(_INVOKE(registration[_OWN]), node))
            registration[_OWN] = ctypes.cast(run, _POINTER).value
            self._kept.append(run)
        return 0

    def _marked(self, own: Callable[..., int], node: int) -> Callable[..., int]:
        mark, ran = self._mark, self.ran

        def run(context: int, given: int) -> int:
            ran.append(node)
            mark()
            status = own(context, given)
            mark()
            return status

        return run
