"""Libraries are imported without what they tell their makers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


def test_onnx_runtime_keeps_no_session_for_its_makers(tmp_path: Path) -> None:
    kept_silent = ("ORT_DISABLE_TELEMETRY", "CI")  # either is enough
    environment = {k: v for k, v in os.environ.items() if k not in kept_silent}
    code = "from edgekit.extras import load; load('onnxruntime')"
    for program, left in ((code, []), ("import onnxruntime", [".ses"])):
        subprocess.run(
            [sys.executable, "-c", program],
            env={**environment, "TMPDIR": str(tmp_path)}, check=True, capture_output=True,
        )  # fmt: skip
        assert [path.name for path in tmp_path.iterdir()] == left
