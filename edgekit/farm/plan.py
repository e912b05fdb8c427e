"""What a farm is to do, as a TOML file declares it."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgekit import table
from edgekit.errors import OptionError
from edgekit.measuring.measure import Measure
from edgekit.report.devices import require_budgets


@dataclass(frozen=True, kw_only=True)
class Model:
    """A Keras model that is converted first; paths are relative to the file of the jobs.

    ``targets``, ``calibration`` and ``recipe`` are as for ``edgekit convert``.
    """

    source: str
    targets: tuple[str, ...]
    calibration: str = ""
    recipe: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Files and models, times devices and pools.

    Each file is measured on each of ``devices``, and on one device, whichever is free, of each of
    ``pools`` (a label, or several: ``arm64+linux``). ``inventory`` are files and folders of
    devices besides the shipped ones. ``budget`` is as for ``edgekit bench``. Each job is tried
    ``attempts`` times, on all devices of a pool together; one measurement may take ``timeout_s``.
    """

    files: tuple[str, ...] = ()
    models: tuple[Model, ...] = ()
    devices: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    inventory: tuple[str, ...] = ()
    attempts: int = 3
    timeout_s: float = 600.0
    measure: Measure[str] = field(default_factory=Measure)
    budget: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a plan that asks for nothing, or holds it against budgets that there are not."""
        if not (self.files or self.models) or not (self.devices or self.pools):
            raise OptionError(
                "expected at least one of files or models, and one of devices or pools"
            )
        if self.attempts < 1:
            raise OptionError(f"attempts: expected at least 1, got {self.attempts}")
        if not 0 < self.timeout_s < float("inf"):
            raise OptionError(f"timeout_s: expected seconds above 0, got {self.timeout_s:g}")
        require_budgets(self.budget)


def load_plan(path: Path) -> Plan:
    """Read a plan; what it names relative to its own folder becomes relative to the current one.

    Raises:
        OptionError: it is no plan, or a pattern of files finds none; the text names the key.
    """
    plan = table.read(path, Plan)
    return _placed(plan, path.parent, str(path))


def _placed(plan: Plan, folder: Path, where: str) -> Plan:
    folder = folder.absolute()

    def beside(text: str) -> str:
        return str(folder / text) if text else ""

    files = tuple(str(path) for text in plan.files for path in _matching(folder, text, where))
    models = tuple(
        replace(
            one, source=beside(one.source), calibration=_found(folder, one.calibration),
            recipe=_found(folder, one.recipe),
            targets=tuple(_found(folder, target) for target in one.targets),
        )
        for one in plan.models
    )  # fmt: skip
    return replace(
        plan, files=tuple(dict.fromkeys(files)), models=models,
        inventory=tuple(beside(text) for text in plan.inventory),
        measure=replace(plan.measure, data=_given(folder, plan.measure.data),
                        evaluate=_given(folder, plan.measure.evaluate)),
    )  # fmt: skip


def _found(folder: Path, text: str) -> str:
    """Return what lies beside the plan by its path, and a name or function as it is written."""
    return str(folder / text) if text and (folder / text).exists() else text


def _given(folder: Path, text: str | None) -> str | None:
    return None if text is None else _found(folder, text)


def _matching(folder: Path, text: str, where: str) -> list[Path]:
    place = folder / text
    if place.exists() or not glob.has_magic(text):
        return [place]
    try:
        found = sorted(Path(place.anchor).glob(str(place.relative_to(place.anchor))))
    except (ValueError, NotImplementedError) as error:
        raise OptionError(f"{where}: files: {text!r} is no pattern: {error}") from error
    if not found:
        raise OptionError(f"{where}: files: no file matches {text!r}")
    for path in found:
        try:
            str(path).encode()
        except UnicodeEncodeError as error:
            raise OptionError(f"{str(path)!r}: expected a name in UTF-8; rename it") from error
    return found
