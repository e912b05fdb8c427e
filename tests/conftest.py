"""What every test may ask for."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

import numpy as np
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

# Tests must hold for other numbers, too: try some before you trust one that trains.
SEED = int(os.environ.get("EDGEKIT_TEST_SEED", "0"))

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Draw the same numbers in every run, whichever tests came before; fixtures, too."""
    random.seed(SEED)
    np.random.seed(SEED)
    if "keras" in sys.modules:  # else its first weights are drawn from `random`
        sys.modules["keras"].utils.set_random_seed(SEED)


@pytest.fixture(scope="session")
def assets() -> Path:
    """Return the folder of real models and data, or skip: a clone without ../shared has none."""
    folder = SHARED / "assets"
    if not folder.is_dir():
        pytest.skip("needs ../shared/assets, which is not here")
    return folder
