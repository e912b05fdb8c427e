"""A second process that makes some of a conversion's artifacts on another core.

It runs the stages of the same conversion on the same cache, where each stage is locked while it
runs: whoever comes first does it, and the other finds its result. What the second process cannot
do, or leaves when it dies, the first one does; so nothing depends on it but the time.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from edgekit.cache import Cache
from edgekit.cpu import cpu_facts
from edgekit.errors import EdgekitError, ExportError, MissingExtra, QuantizeError
from edgekit.extras import NEEDS, load
from edgekit.pipeline.assemble import Run
from edgekit.pipeline.data import linted
from edgekit.pipeline.options import Options, from_plain
from edgekit.pipeline.prepare import prepare
from edgekit.pipeline.workshop import Workshop
from edgekit.progress import Silent
from edgekit.quiet import quiet
from edgekit.spawn import Child
from edgekit.startup import import_keras, this_process_is_ours
from edgekit.table import build
from edgekit.target import Target

# Of larger models each process would hold several copies.
MOST_BYTES = 100_000_000
# Formats by the time that their artifacts take, least first.
_BY_TIME = ("tflite", "onnx", "openvino")


def worth_it(shop: Workshop, targets: Sequence[Target]) -> bool:
    """Whether a second process would help, and may do the work.

    There have to be several formats and cores, and work that was not done before. Model and data
    have to be files, and none of the user's code may take part, which would run twice.
    """
    given, options = shop.given, shop.options
    return (
        len({target.format for target in targets}) > 1
        and cpu_facts().cores > 1
        and isinstance(given, (str, Path))
        and _is_file(options.calibration)
        and not (options.custom_objects or options.allow_code or options.recipe)
        and _size(Path(given)) < MOST_BYTES
        and not shop.is_known
    )


def _is_file(data: Any) -> bool:
    return data is None or (isinstance(data, (str, Path)) and ":" not in str(data))


def _size(path: Path) -> int:
    files = (path,) if path.is_file() else tuple(path.rglob("*")) if path.is_dir() else ()
    return sum(file.stat().st_size for file in files if file.is_file())


def made_together(
    shop: Workshop, targets: tuple[Target, ...], claims: Path
) -> tuple[tuple[Run, ...], dict[str, EdgekitError]]:
    """Make every target with a companion; return the only run, and why each that failed did.

    Args:
        shop: Of the source model.
        targets: What is made.
        claims: A new folder, for locks.

    Raises:
        EdgekitError: what concerns all targets, such as data that do not fit.
    """
    claims.mkdir()
    shop.keeper.claims = claims
    try:
        with Companion(shop, targets):
            (run,) = runs = prepare(shop, targets)
            if run.calibration is not None:
                linted(shop, run.calibration)
            return runs, _made(run)
    finally:
        shop.keeper.claims = None


def _made(run: Run) -> dict[str, EdgekitError]:
    """Make every target, or wait for the companion where it is at one; return what failed."""
    left, failed = by_time(run.targets), dict[str, EdgekitError]()
    while left:
        target = next((t for t in left if run.is_free(t)), left[0])
        left.remove(target)
        try:
            run.finished(target)
        except (ExportError, QuantizeError, MissingExtra) as error:
            failed[target.name] = error
    return failed


def by_time(targets: Sequence[Target]) -> list[Target]:
    """Return targets in the order that this process makes them; the companion begins at the end."""
    return sorted(targets, key=lambda target: _BY_TIME.index(target.format))


class Companion(Child):
    """The second process, from the first one's side; it ends with this, whatever it is at.

    Args:
        shop: Of the source model; its keeper has locks.
        targets: What is made.
    """

    def __init__(self, shop: Workshop, targets: Sequence[Target]) -> None:
        data = shop.options.calibration
        bare = replace(shop.options, evaluation=None, metric=None, output=None, train=None)
        job = {
            "model": str(shop.given),
            "targets": [asdict(target) for target in by_time(targets)],
            "options": asdict(replace(bare, calibration=None if data is None else str(data))),
            "cache": str(shop.keeper.cache.root),
            "claims": str(shop.keeper.claims),
        }
        nowhere = subprocess.DEVNULL
        super().__init__(f"{__name__}:main", stdout=nowhere, stderr=nowhere, text=True)
        self._tell(json.dumps(job))

    def _tell(self, text: str) -> None:
        stream = self.process.stdin
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):  # it is dead already, and not needed
                stream.write(f"{text}\n")
                stream.flush()

    def wait(self) -> int:
        """Wait until it has nothing left to do; return its exit code."""
        return self.process.wait()

    def leave_alone(self) -> None:
        """Close the line to it, as this process's end would; it gives up then."""
        if self.process.stdin is not None:
            self.process.stdin.close()


def main() -> None:
    """Make the targets of the job on stdin, from the last on, as long as stdin stays open."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends this one
    this_process_is_ours()
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    targets = [build(target, Target, where="target") for target in job["targets"]]
    options = from_plain(job["options"], where="options")
    with quiet():
        _import_tools({target.format for target in targets[1:]})
        _make(job, targets, options)


def _end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)


def _import_tools(formats: set[str]) -> None:
    """Import what the work needs, while the first process still loads the model."""
    import_keras()
    for kind in formats:
        for package in NEEDS[kind].make:
            with contextlib.suppress(MissingExtra):  # the first process says so
                load(package)


def _make(job: dict[str, Any], targets: Sequence[Target], options: Options) -> None:
    shop = Workshop(job["model"], options, Cache(Path(job["cache"])), Silent())
    shop.keeper.claims = Path(job["claims"])
    (run,) = prepare(shop, tuple(targets))
    for target in reversed(targets):
        if run.is_free(target):
            with contextlib.suppress(EdgekitError):  # the first process meets it too, and says so
                run.finished(target)
