"""Tells what is installed, what is missing, and what can be made with it.

Reads installed metadata only: no framework is imported.
"""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from edgekit import catalog
from edgekit.cpu import Cpu, cpu_facts
from edgekit.extras import NEEDS
from edgekit.target import Target
from edgekit.version import VERSION

DISTRIBUTION = "edgekit-ml"
EXTRAS = ("openvino", "onnx", "legacy")


@dataclass(frozen=True, kw_only=True)
class Package:
    """One requirement: what is wanted, what is there.

    ``needed_by`` is ``base`` or the name of an extra; ``installed`` the version, if any.
    """

    name: str
    needed_by: str
    wanted: str
    installed: str | None
    state: Literal["ok", "missing", "unsuitable"]


@dataclass(frozen=True, kw_only=True)
class Possible:
    """Whether a target can be made here; if not, which extra is missing."""

    target: str
    possible: bool
    missing_extra: str | None


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What this installation is and can do. ``advice`` holds one line for each thing to mend."""

    edgekit: str
    python: str
    platform: str
    cpu: Cpu
    packages: tuple[Package, ...]
    targets: tuple[Possible, ...]
    advice: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Whether the base install is whole."""
        return all(p.state == "ok" for p in self.packages if p.needed_by == "base")


def diagnose() -> Diagnosis:
    """Examine this installation; imports no framework and never fails over what is missing."""
    packages = tuple(_packages())
    broken = {package.needed_by for package in packages if package.state != "ok"}
    targets = tuple(_possible(name, broken) for name in catalog.names("targets"))
    return Diagnosis(
        edgekit=VERSION,
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=cpu_facts(),
        packages=packages,
        targets=targets,
        advice=tuple(_advice(packages)),
    )


def _packages() -> list[Package]:
    found = []
    for requirement in map(Requirement, _requirements()):
        for group in ("base", *EXTRAS):
            if _applies(requirement, group):
                found.append(_package(requirement, group))
    return found


def _applies(requirement: Requirement, group: str) -> bool:
    if requirement.name == DISTRIBUTION:
        return False
    marker = requirement.marker
    base = marker is None or marker.evaluate({"extra": ""})
    if group == "base":
        return base
    return not base and marker is not None and marker.evaluate({"extra": group})


def _package(requirement: Requirement, group: str) -> Package:
    installed, state = _installed(requirement)
    return Package(
        name=requirement.name,
        needed_by=group,
        wanted=str(requirement.specifier) or "any",
        installed=installed,
        state=state,
    )


def _installed(
    requirement: Requirement,
) -> tuple[str | None, Literal["ok", "missing", "unsuitable"]]:
    try:
        # A damaged install can have metadata without a version, whatever the type says.
        version: str | None = importlib.metadata.version(requirement.name)
    except (importlib.metadata.PackageNotFoundError, KeyError):
        return None, "missing"
    if not version:
        return None, "missing"
    suits = requirement.specifier.contains(version, prereleases=True)
    return version, "ok" if suits else "unsuitable"


def _requirements() -> list[str]:
    """Return what edgekit requires: from its metadata, or in a bare checkout from pyproject."""
    try:
        return importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return _from_checkout(Path(__file__).parent.parent / "pyproject.toml")


def _from_checkout(path: Path) -> list[str]:
    if not path.is_file():
        return []
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    marked = [f'{line}; extra == "{extra}"' for extra in EXTRAS for line in extras[extra]]
    return [*project["dependencies"], *marked]


def _possible(name: str, broken: set[str]) -> Possible:
    needs = {"base", NEEDS[Target.load(name).format].extra or "base"} & broken
    extra = next((group for group in sorted(needs) if group != "base"), None)
    return Possible(target=name, possible=not needs, missing_extra=extra)


def _advice(packages: tuple[Package, ...]) -> list[str]:
    said = []
    for group in ("base", *EXTRAS):
        bad = [p for p in packages if p.needed_by == group and p.state != "ok"]
        if bad:
            what = ", ".join(_complaint(package) for package in bad)
            wanted = DISTRIBUTION if group == "base" else f"{DISTRIBUTION}[{group}]"
            said.append(f"{group}: {what}: {Path(sys.executable).name} -m pip install '{wanted}'")
    return said


def _complaint(package: Package) -> str:
    if package.state == "missing":
        return f"{package.name} is missing"
    return f"{package.name} is {package.installed}, wanted {package.wanted}"
