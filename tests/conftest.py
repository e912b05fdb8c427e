"""What every test may ask for."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says nothing on a machine that does other things too.
settings.register_profile("edgekit", deadline=None)
settings.load_profile("edgekit")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

# A shell that starts tests in the background lets them, and their children, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def assets() -> Path:
    """Return the folder of real models and data, or skip: a clone without ../shared has none."""
    folder = SHARED / "assets"
    if not folder.is_dir():
        pytest.skip("needs ../shared/assets, which is not here")
    return folder
