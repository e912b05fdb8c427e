"""Completion in real shells."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgekit.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
_HEAVY = ("tensorflow", "keras", "numpy", "scipy", "rich", "jinja2", "openvino", "onnx")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which ``edgekit`` is this checkout, and whose folder is empty."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "edgekit"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m edgekit "$@"\n')
    program.chmod(0o755)
    return {
        **os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
        "HOME": str(folder), "TERM": "dumb", "LC_ALL": "C.UTF-8",
    }  # fmt: skip


def completed(words: str, environment: dict[str, str]) -> list[str]:
    """Return what click answers to bash, without a shell."""
    told = {"_EDGEKIT_COMPLETE": "bash_complete", "COMP_WORDS": f"edgekit {words}",
            "COMP_CWORD": str(len(words.split(" ")))}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "edgekit"], env={**environment, **told}, capture_output=True,
        text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return [line.split(",", 1)[1] for line in done.stdout.split()]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("ins", ["inspect"]),
        ("convert m.keras -t tflite-int8-", ["tflite-int8-float-io"]),
        ("compress m.keras --recipe prune-50-", ["prune-50-qat"]),
        ("compress m.keras --set adar", ["adaround."]),
        ("bench m.tflite --device raspberry-pi-4", ["raspberry-pi-4"]),
        ("inspect m.tflite -d x86-h", ["x86-haswell"]),
        ("devices show ethos-u85-2", ["ethos-u85-2048", "ethos-u85-256"]),
        ("passes show q", ["qat"]),
        ("recipes show cl", ["cluster-16-qat"]),
        ("targets show onnx-int8", ["onnx-int8"]),
        ("schema mani", ["manifest"]),
        ("convert --calib", ["--calibration"]),
        ("completion z", ["zsh"]),
        ("convert -c ./da", [""]),
    ],
)
def test_names(words: str, expected: list[str], environment: dict[str, str]) -> None:
    assert completed(words, environment) == expected


def test_every_command_is_completed(environment: dict[str, str]) -> None:
    assert completed("", environment) == list(COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [["convert", "-t", "tfl"], ["bench", "-d", "x"], ["inspect", "--"], ["compress", "--recipe"]],
)
def test_completing_imports_nothing_heavy(
    arguments: list[str], environment: dict[str, str]
) -> None:
    code = (
        "import sys; from click.shell_completion import ShellComplete; from edgekit.cli import main"
        f"; ShellComplete(main, {{}}, 'edgekit', 'X').get_completions({arguments!r}, '')"
        f"; print([name for name in {_HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True,
        timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"


def shell(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture
def bash(environment: dict[str, str], tmp_path: Path) -> Iterator[int]:
    """Give the terminal of an interactive bash; it is ended afterwards."""
    program = shell("bash")
    (tmp_path / "model.tflite").touch()
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execve(program, ["bash", "--norc", "--noprofile", "-i"], environment)
    yield terminal
    os.close(terminal)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def typed(terminal: int, text: str, wanted: str) -> str:
    """Type a text, and return what the terminal shows once what is wanted stands there."""
    os.write(terminal, text.encode())
    shown, end = "", time.monotonic() + 60
    while wanted not in shown and time.monotonic() < end:
        if select.select([terminal], [], [], 1.0)[0]:
            shown += os.read(terminal, 4096).decode("utf-8", "replace")
    return shown


def test_tab_in_bash(bash: int) -> None:
    ready = 'bind "set enable-bracketed-paste off"; eval "$(edgekit completion bash)"; echo ready\n'
    assert "ready" in typed(bash, ready.replace("re''ady", "re''ady"), "\nready")
    assert "inspect " in typed(bash, "edgekit insp\t", "inspect ")
    assert "model.tflite " in typed(bash, "mod\t", "model.tflite ")
    assert "raspberry-pi-4 " in typed(bash, "--device raspberry-pi-4\t", "raspberry-pi-4 ")


def test_tab_in_fish(environment: dict[str, str]) -> None:
    asked = 'edgekit completion fish | source; complete -C "edgekit convert -t tflite-int8-"'
    done = subprocess.run(
        [shell("fish"), "--no-config", "-c", asked], env=environment, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["tflite-int8-float-io"], done.stderr


def test_tab_in_zsh(environment: dict[str, str]) -> None:
    """What zsh's own widgets are handed; they themselves run in its editor only."""
    asked = (
        "compdef() { :; }; compadd() { local n=${@[-1]}; print -l -- ${(P)n}; };"
        "_describe() { print -l -- ${(P)3}; }; _path_files() { print files; };"
        'eval "$(edgekit completion zsh)"; words=(edgekit convert -t tflite-int8-); CURRENT=4;'
        "_edgekit_completion; words=(edgekit insp); CURRENT=2; _edgekit_completion"
    )
    done = subprocess.run(
        [shell("zsh"), "-f", "-c", asked], env=environment, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "tflite-int8-float-io", "inspect:Show the graph of a model file.",
    ], done.stderr  # fmt: skip


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_the_script(name: str) -> None:
    done = CliRunner().invoke(main, ["completion", name], prog_name="edgekit")
    assert done.exit_code == 0
    assert "_EDGEKIT_COMPLETE" in done.stdout


def test_an_unknown_shell() -> None:
    done = CliRunner().invoke(main, ["completion", "csh"], prog_name="edgekit")
    assert done.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in done.stderr
