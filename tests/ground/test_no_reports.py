"""Libraries are imported without what they tell their makers."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import os, sys

def refuse():
    raise SystemExit("a process was forked")

os.fork = refuse
from edgekit.extras import load

load("openvino"), load("nncf")
assert load("openvino.tools.ovc") is not None
assert "openvino_telemetry" not in sys.modules, "OpenVINO reports its import"
import openvino_telemetry  # who wants it still finds it
"""


def test_openvino_reports_nothing_and_forks_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
