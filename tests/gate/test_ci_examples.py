"""The action, the hook and the examples of docs/ci.md do what they say, as far as they run here."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gate_documents import measured

yaml = pytest.importorskip("yaml")
pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples" / "ci"


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path: Path, document: Any, policy: Any) -> Path:
    """Return a folder with a good report, a bad one, a baseline and a policy."""
    document("good.json", measured(size=10.0))
    document("bad; touch evil.json", measured(size=12.0))
    document("main.json", measured(size=10.0))
    policy('[[rules]]\nmetric = "size_kib"\nmax_regression_share = 0.02')
    return tmp_path


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return variables in which ``edgekit`` and ``python`` are those of this test."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)
    edgekit = programs / "edgekit"
    edgekit.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m edgekit "$@"\n', encoding="utf-8")
    edgekit.chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}


def shell(script: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], cwd=folder, env=env,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("report", "code"), [("good.json", 0), ("bad; touch evil.json", 3)])
def test_the_action_ends_as_the_gate_does_and_tells_later_steps(
    folder: Path, environment: dict[str, str], report: str, code: int
) -> None:
    action = loaded(ROOT / "action.yml")
    assert action["runs"]["using"] == "composite"
    step = next(one for one in action["runs"]["steps"] if one.get("id") == "gate")
    inputs = {name: one.get("default", "") for name, one in action["inputs"].items()}
    inputs |= {"report": report, "baseline": "main.json", "junit": "junit.xml"}
    given = {
        name: inputs[text[len("${{ inputs.") : -len(" }}")]] for name, text in step["env"].items()
    }
    files = {"GITHUB_OUTPUT": str(folder / "output"), "GITHUB_STEP_SUMMARY": str(folder / "sum")}
    ran = shell(step["run"], folder, environment | given | files)
    assert ran.returncode == code, ran.stderr
    assert (folder / "output").read_text(encoding="utf-8") == f"exit-code={code}\n"
    assert ("::error " in ran.stdout) == (code == 3)
    assert (folder / "sum").read_text(encoding="utf-8").startswith("## edgekit gate: ")
    assert (folder / "junit.xml").is_file()
    assert not (folder / "evil").exists()
    assert not (folder / "evil.json").exists()


def test_no_input_of_the_action_is_text_of_a_script() -> None:
    for step in loaded(ROOT / "action.yml")["runs"]["steps"]:
        assert "${{" not in step["run"]


def test_the_github_example_gives_the_action_inputs_that_it_has() -> None:
    inputs = loaded(ROOT / "action.yml")["inputs"]
    steps = loaded(EXAMPLES / "github.yml")["jobs"]["gate"]["steps"]
    (used,) = [one["with"] for one in steps if "/edgekit@" in one.get("uses", "")]
    assert set(used) <= set(inputs)
    assert {name for name, one in inputs.items() if one.get("required")} <= set(used)


def test_the_gitlab_example_writes_the_reports_that_it_declares(
    folder: Path, environment: dict[str, str]
) -> None:
    job = loaded(EXAMPLES / "gitlab.yml")["gate"]
    (line,) = [one for one in job["script"] if one.startswith("edgekit gate")]
    place = folder / "out" / "digits" / "tflite-int8"
    place.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "report" / "golden" / "report-1.json", place / "report.json")
    ran = shell(line, folder, environment)
    assert ran.returncode == 0, ran.stderr
    for name in job["artifacts"]["reports"].values():
        assert (folder / name).is_file()


@pytest.mark.parametrize(("report", "code"), [("good.json", 0), ("bad; touch evil.json", 3)])
def test_the_hook_of_the_example_gates_the_files_that_are_committed(
    folder: Path, environment: dict[str, str], report: str, code: int
) -> None:
    (hook,) = loaded(ROOT / ".pre-commit-hooks.yaml")
    (repo,) = loaded(EXAMPLES / "pre-commit.yml")["repos"]
    (chosen,) = repo["hooks"]
    assert chosen["id"] == hook["id"]
    command = [*shlex.split(hook["entry"]), *chosen["args"], "--baseline", "main.json", report]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True,
                         timeout=120, check=False)  # fmt: skip
    assert ran.returncode == code, ran.stderr


def test_several_reports_are_gated_together(folder: Path, environment: dict[str, str]) -> None:
    ran = shell("edgekit gate good.json good.json", folder, environment)
    assert ran.returncode == 1
    assert "two entries" in ran.stderr


@pytest.mark.slow
def test_the_pytest_example_passes_on_the_digits(
    pytester: pytest.Pytester, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not all(importlib.util.find_spec(name) for name in ("tensorflow", "sklearn")):
        pytest.skip("needs TensorFlow and scikit-learn")
    subprocess.run([sys.executable, str(ROOT / "docs/examples/digits.py"), str(pytester.path)],
                   env=environment, check=True, capture_output=True, timeout=300)  # fmt: skip
    shutil.copy(EXAMPLES / "test_model.py", pytester.path)
    monkeypatch.setenv("PYTHONPATH", environment["PYTHONPATH"])
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = pytester.runpytest_subprocess("-p", "edgekit.pytest_plugin", timeout=300)
    result.assert_outcomes(passed=1)
