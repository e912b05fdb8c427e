"""What each format needs beyond the base install, and how it is imported."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgekit.errors import MissingExtra


@dataclass(frozen=True, kw_only=True)
class Needs:
    """The packages of a format, by the names under which they are imported.

    ``extra`` brings them, None the base install; ``make`` are all needed to make files, of ``run``
    one is enough to run them.
    """

    extra: str | None
    make: tuple[str, ...]
    run: tuple[str, ...]


NEEDS: Mapping[str, Needs] = {
    "tflite": Needs(extra=None, make=(), run=("ai_edge_litert", "tflite_runtime")),
    "openvino": Needs(extra="openvino", make=("openvino", "nncf"), run=("openvino",)),
    "onnx": Needs(extra="onnx", make=("onnx", "onnxruntime", "tf2onnx"), run=("onnxruntime",)),
}


def load(module: str) -> Any:
    """Import a package that an extra brings, or a module of it.

    OpenVINO reports every import of it to its makers, from a forked process that has hung now and
    then, with all that was open here; it is imported without that. ONNX Runtime keeps a session for
    its makers in the folder for passing files; it is told not to.

    Raises:
        MissingExtra: it cannot be imported.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        with without("openvino_telemetry"):
            return importlib.import_module(module)
    except ImportError as error:
        raise _missing(module) from error


@contextlib.contextmanager
def without(package: str) -> Iterator[None]:
    """Let an import of a package fail while this lasts, unless it is there already."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]


def require_makers(kind: str) -> None:
    """Make sure that what makes files of a format is installed, without importing it.

    Raises:
        MissingExtra: something is not.
    """
    for package in NEEDS[kind].make:
        if importlib.util.find_spec(package) is None:
            raise _missing(package)


def require(extra: str, *packages: str) -> None:
    """Make sure that packages which an extra brings are installed, without importing them.

    Raises:
        MissingExtra: one is not.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(distribution_of(package), extra)


def runtime_of(kind: str) -> str:
    """Name the installed package that runs files of a format, without importing it.

    Raises:
        MissingExtra: there is none.
    """
    for package in NEEDS[kind].run:
        if importlib.util.find_spec(package) is not None:
            return package
    raise _missing(NEEDS[kind].run[0])


def distribution_of(package: str) -> str:
    """Return the name under which package indexes have a package."""
    return package.replace("_", "-")


def _missing(module: str) -> MissingExtra:
    package = module.partition(".")[0]
    extras = [need.extra for need in NEEDS.values() if package in need.make and need.extra]
    return MissingExtra(distribution_of(package), extras[0] if extras else "all")
