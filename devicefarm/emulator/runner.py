"""Runs TFLite files in a runtime's Python interface on the device; see ``runner.c``.

    RUNTIME=tflite_runtime python3 runner.py FOLDER MODE SAMPLES MARKED

``packages`` in the folder can be imported, among them RUNTIME, and so can what Debian packages.
MODE is ``outputs``, ``count`` or ``operators``; without one everything is imported, and no more.
Variables that the file has are reset before each inference. After MARKED inferences as many calls
that do nothing are marked off, which tell what Python itself takes. Exit codes are those of
``runner.c``. Of ``operators`` those that have marks of their own are events; the first two looks at
the clock lie around nothing.
"""

import posix
import sys

# Paths stay relative: what lies in memory, and so what is counted, must not depend on where we are.
posix.getcwd = lambda: "."
sys.path_importer_cache.clear()
sys.path[:0] = [sys.argv[1] + "/packages", sys.prefix + "/lib/python3/dist-packages"]

REFUSED, BROKEN = 3, 4


def fail(code: int, error: Exception) -> None:
    """End with what is wrong on one line."""
    print("error:", " ".join(str(error).split()), file=sys.stderr)
    sys.exit(code)


try:
    import ctypes
    import gc
    import importlib
    import os
    from collections.abc import Callable

    import numpy as np
    from watch import Watch

    Interpreter = importlib.import_module(os.environ["RUNTIME"] + ".interpreter").Interpreter
except (ImportError, SyntaxError, ValueError) as error:
    fail(BROKEN, error)

WHICH, READY, BEGIN, END, TICK = 0x5ED6E, 1, 2, 3, 4


def main(folder: str, mode: str, samples: str, marked: str) -> None:
    """Run; the folder's files are those of ``runner.c``."""
    interpreter = Interpreter(model_path=folder + "/model.tflite", num_threads=1)
    interpreter.allocate_tensors()
    watch = None
    if mode == "operators":  # after the runtime's own delegates, whose parts are seen then, too
        look = ctypes.PyDLL(None).getpriority
        watch = Watch(lambda: look(WHICH, TICK))
        interpreter._interpreter.ModifyGraphWithDelegate(watch.place())
        interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    invoke, forget = interpreter._interpreter.Invoke, interpreter.reset_all_variables
    with open(folder + "/in", "rb") as given, open(folder + "/out", "r+b") as out:
        for _ in range(int(samples)):
            for each in inputs:
                shape = interpreter.get_tensor(each["index"]).shape
                size = int(np.prod(shape)) * np.dtype(each["dtype"]).itemsize
                value = np.frombuffer(given.read(size), each["dtype"]).reshape(shape)
                interpreter.set_tensor(each["index"], value)
            if mode == "outputs":
                forget()
                invoke()
                for each in outputs:
                    out.write(interpreter.get_tensor(each["index"]).tobytes())
    if mode != "outputs":
        forget()
        invoke()
    for number, each in enumerate(outputs):
        print("output", interpreter.get_tensor(each["index"]).nbytes, number)
    count(invoke, forget, int(marked))
    if watch is not None:
        profile(invoke, forget, watch)
    print("done", flush=True)


def count(invoke: Callable[[], object], forget: Callable[[], object], marked: int) -> None:
    """Mark inferences off, and then as many calls of something that does nothing."""
    mark = ctypes.CDLL(None).getpriority
    nothing = [].clear  # C, like an interpreter's method
    gc.collect()
    gc.disable()
    mark(WHICH, READY)
    for work in [invoke] * marked + [nothing] * marked:
        forget()
        mark(WHICH, BEGIN)
        work()
        mark(WHICH, END)


def profile(invoke: Callable[[], object], forget: Callable[[], object], watch: Watch) -> None:
    """Mark one inference off, and tell between which looks at the clock each operator ran."""
    mark = ctypes.CDLL(None).getpriority
    watch.begin(warm=True)
    forget()
    mark(WHICH, BEGIN)
    watch.begin(warm=False)
    invoke()
    mark(WHICH, END)
    for number, node in enumerate(watch.ran):
        print("event", 2, 2 * number + 4, 1, node, 0, "operator")


try:
    if len(sys.argv) > 2:
        main(*sys.argv[1:])
except (ValueError, RuntimeError, KeyError) as error:
    fail(REFUSED, error)
