"""Devices as they are installed here: what is not skips the test, and says what brings it."""

from __future__ import annotations

import pytest

from edgekit.devices import backend_of, load_device
from edgekit.devices.runtime_choice import install_command, with_runtime


def ready(name, runtime=None):
    """Return a device that is ready, with a runtime if one is named; or skip."""
    device = load_device(name)
    chosen = device if runtime is None else with_runtime(device, runtime)
    state = backend_of(chosen).state(chosen)
    if state.readiness != "ready":
        pytest.skip(f"{name}: {state.why}; {install_command(device, chosen)}")
    return chosen
