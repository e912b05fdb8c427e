from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from edgekit import doctor
from edgekit.cpu import cpu_facts
from edgekit.doctor import diagnose

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch):
    """Pretend that distributions have other versions, or none."""

    def pretend(**changed: str | None) -> None:
        real = importlib.metadata.version

        def version(name: str) -> str:
            known = {key.replace("_", "-"): value for key, value in changed.items()}
            found = known.get(name, ...)
            if found is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return real(name) if found is ... else found

        monkeypatch.setattr(importlib.metadata, "version", version)

    return pretend


def states() -> dict[str, bool]:
    return {target.target: target.possible for target in diagnose().targets}


def test_here_the_base_install_is_whole() -> None:
    found = diagnose()
    assert found.healthy
    assert {"tensorflow", "keras", "numpy"} <= {p.name for p in found.packages}


def test_a_missing_extra_costs_its_targets_only(versions) -> None:
    versions(nncf=None)
    found = diagnose()
    assert found.healthy
    assert {n for n, possible in states().items() if not possible} == {
        name for name in states() if name.startswith("openvino")
    }
    assert [t.missing_extra for t in found.targets if not t.possible] == ["openvino"] * 4
    assert len(found.advice) == 1
    assert "nncf is missing" in found.advice[0]
    assert "pip install 'edgekit-ml[openvino]'" in found.advice[0]


def test_an_old_version_is_unsuitable(versions) -> None:
    versions(onnx="1.2")
    assert {p.state for p in diagnose().packages if p.name == "onnx"} == {"unsuitable"}
    assert "onnx is 1.2, wanted >=1.18" in diagnose().advice[0]


def test_a_broken_base_breaks_everything(versions) -> None:
    versions(ai_edge_litert=None)
    found = diagnose()
    assert not found.healthy
    assert not any(states().values())
    assert "pip install 'edgekit-ml'" in found.advice[0]


def test_the_checkout_says_the_same_as_the_install(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = doctor._from_checkout(ROOT / "pyproject.toml")
    monkeypatch.setattr(doctor, "_requirements", lambda: lines)
    wanted = {(p.name, p.needed_by) for p in diagnose().packages}
    assert {
        ("keras", "base"),
        ("nncf", "openvino"),
        ("onnx", "onnx"),
        ("tf-keras", "legacy"),
    } <= wanted
    assert ("pytest", "base") not in wanted


XEON = "processor: 0\nmodel name\t: Xeon\nflags\t\t: fpu avx2 avx512f avx512_vnni\n\nprocessor: 1\n"
OLD = "model name : i5\nflags : fpu avx2\n"
ARM = "processor : 0\nFeatures : fp asimd asimddp\n"


@pytest.mark.parametrize(
    ("text", "features", "exact"),
    [
        (XEON, ("avx2", "avx512", "vnni"), True),
        (OLD, ("avx2",), False),
        (ARM, ("dotprod", "neon"), True),
        ("", (), None),
        ("nonsense", (), None),
    ],
)
def test_features_that_matter(text: str, features: tuple[str, ...], exact: bool | None) -> None:
    facts = cpu_facts(text)
    assert facts.features == features
    assert facts.integer_dot is exact
    assert facts.cores >= 1
    assert facts.model
