"""What can go wrong, as the user sees it.

EdgekitError                  exit code 1
├── OptionError               an option or a TOML value that cannot be taken
│   └── UnknownName           a name that nothing answers to; the nearest ones are suggested
├── SourceError               the model file cannot be loaded
│   └── UnsafeSource          loading it would execute code that nobody has allowed
├── DataError                 calibration or evaluation data do not fit the model
├── MissingExtra              an optional dependency is not installed
├── PassError                 a pass cannot be run on a model, or failed on it
├── TrainingError             training cannot begin, or went astray
├── TraceError                the model cannot be frozen at static shapes
├── ExportError               the frozen graph cannot be written in a format
├── QuantizeError             no quantized artifact agrees with the source model
├── ArtifactError             an exported file cannot be read or run
├── DestinationError          the output folder cannot be written
├── DeviceError               a device is not ready, or failed
│   ├── DeviceBusy            somebody else measures on it
│   └── DeviceLost            it is not there any more
└── Missed                    exit code 3: a promise or a budget was not kept
    ├── PromiseBroken         the audit of the artifact contradicts its target
    ├── BudgetMissed          a figure is beyond its limit
    └── DigestMismatch        files are not the ones that the manifest describes

Every text says what was expected, what came, and what to do, in one line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class EdgekitError(Exception):
    """Base of every error that edgekit raises on purpose."""

    exit_code = 1
    conversion: Any = None
    """What ``edgekit.convert`` handed over all the same: a ``Conversion``, or None."""
    benchmark: Any = None
    """What ``edgekit.benchmark`` found all the same: a ``Benchmark``, or None."""
    farm: Any = None
    """What ``edgekit.submit`` found all the same: a ``FarmRun``, or None."""


class OptionError(EdgekitError):
    """An option or a TOML value cannot be taken."""


class UnknownName(OptionError):
    """Nothing answers to a name; the text suggests the nearest ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        choices = sorted(known)
        near = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        super().__init__(f"no {kind} {name!r}; {hint}known: {', '.join(choices) or 'none'}")


def one_line(error: BaseException, most: int = 300) -> str:
    """Return the text of somebody else's error on one line, for one of ours; its type if empty."""
    return " ".join(str(error).split())[:most] or type(error).__name__


class SourceError(EdgekitError):
    """The model file cannot be loaded."""


class UnsafeSource(SourceError):
    """Loading the model would execute code that nobody has allowed."""


class DataError(EdgekitError):
    """Calibration or evaluation data do not fit the model."""


class MissingExtra(EdgekitError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed: pip install 'edgekit-ml[{extra}]'")


class PassError(EdgekitError):
    """A pass cannot be run on a model, or failed on it."""


class TrainingError(EdgekitError):
    """Training cannot begin, or went astray: no labels, no loss, NaN."""


class TraceError(EdgekitError):
    """The model cannot be frozen at static shapes."""


class ExportError(EdgekitError):
    """The frozen graph cannot be written in a format."""


class QuantizeError(EdgekitError):
    """No quantized artifact agrees with the source model."""


class ArtifactError(EdgekitError):
    """An exported file cannot be read or run."""


class DestinationError(EdgekitError):
    """The output folder cannot be written."""


class DeviceError(EdgekitError):
    """A device is not ready, was lost, or failed."""


class DeviceBusy(DeviceError):
    """Somebody else measures on the device."""


class DeviceLost(DeviceError):
    """The device, or what it hangs on, is not there any more."""


class Missed(EdgekitError):
    """A promise or a budget was not kept."""

    exit_code = 3


class PromiseBroken(Missed):
    """The audit of the artifact contradicts its target."""


class BudgetMissed(Missed):
    """A figure is beyond its limit."""


class DigestMismatch(Missed):
    """Files are not the ones that the manifest describes."""
