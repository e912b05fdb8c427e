"""Whether counts are the same in each process, also where others compute beside."""

from __future__ import annotations

import contextlib
import subprocess
import sys

from edgekit.devices import Request
from edgekit.devices.emulated import EmulatedBackend


@contextlib.contextmanager
def busy(count):
    """Let so many processes compute beside."""
    words = [sys.executable, "-c", "while True: pass"]
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.callback(stack.enter_context(subprocess.Popen(words)).kill)
        yield


def demand_one_result(device, artifact, folder, monkeypatch):
    """Measure in three processes and folders, demand equal counts, and return one.

    Beside the last one others compute: threads of a runtime then meet in another order.
    """
    found = []
    for place, others in (("a", 0), ("folder-with-a-longer-name", 0), ("c", 4)):
        (folder / place).mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(folder / place))
        with busy(others):
            found.append(EmulatedBackend().measure(device, artifact, Request()))
    assert found[0].counts == found[1].counts == found[2].counts
    assert found[0].operators == found[1].operators == found[2].operators
    return found[0]
