from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import edgekit.cli
from edgekit.cli import COMMANDS, main
from edgekit.cli.options import print_columns, print_json
from edgekit.errors import BudgetMissed, DestinationError, EdgekitError, SourceError
from edgekit.version import VERSION

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
EDGEKIT = [sys.executable, "-m", "edgekit"]
# A command that is there only for the test, in a process of its own.
WITH_COMMAND = """
import sys, time, click
from edgekit import __main__, cli
@click.command()
def command():
    {body}
sys.modules["edgekit.cli.probe"] = sys.modules["__main__"]
cli.COMMANDS["probe"] = ("edgekit.cli.probe:command", "Probes.")
sys.argv[1:] = ["probe"]
__main__.run()
"""


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Run a function as a command of the group."""

    def run(function: Callable[[], object]) -> object:
        monkeypatch.setitem(COMMANDS, "probe", ("edgekit.cli:probe", "Probes."))
        monkeypatch.setattr(edgekit.cli, "probe", click.command()(function), raising=False)
        return CliRunner().invoke(main, ["probe"], prog_name="edgekit")

    return run


def raising(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


def test_help_lists_every_command_and_the_exit_codes() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name, (_, text) in COMMANDS.items():
        assert name in result.output
        assert text in result.output
    assert "Exit codes" in result.output
    assert max(map(len, result.output.splitlines())) <= 80


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_the_version(flag: str) -> None:
    result = CliRunner().invoke(main, [flag])
    assert (result.exit_code, result.output) == (0, f"edgekit {VERSION}\n")


@pytest.mark.parametrize(
    ("typed", "said"), [("tragets", "did you mean 'targets'?"), ("zzzz", "commands: convert")]
)
def test_a_typo_suggests_the_nearest_command(typed: str, said: str) -> None:
    result = CliRunner().invoke(main, [typed])
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [(SourceError("bad file"), 1), (BudgetMissed("too slow"), 3), (DestinationError("full"), 1)],
)
def test_an_error_is_one_line_and_its_exit_code(probe, error: EdgekitError, code: int) -> None:
    result = probe(raising(error))
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", f"Error: {error}\n")


def test_hostile_names_do_not_reach_the_terminal(probe) -> None:
    result = probe(raising(SourceError("layer \x1b[2J\x07evil\nError: \u202efake")))
    assert result.stderr == "Error: layer \ufffd[2J\ufffdevil Error: \ufffdfake\n"


def test_a_full_disk_under_stdout_is_one_line(probe) -> None:
    result = probe(raising(OSError(errno.ENOSPC, "No space left on device")))
    assert result.exit_code == 1
    assert result.stderr == "Error: standard output: no room left on the disk; free some\n"


def test_ctrl_c_is_one_line(probe) -> None:
    result = probe(raising(KeyboardInterrupt()))
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "Interrupted\n")


@pytest.mark.parametrize("bug", [ZeroDivisionError(), FileNotFoundError(2, "x"), ImportError("x")])
def test_a_bug_keeps_its_traceback(probe, bug: Exception) -> None:
    assert probe(raising(bug)).exception is bug


def test_ctrl_c_in_a_real_process() -> None:
    code = WITH_COMMAND.format(body="print('in', flush=True); time.sleep(60)")
    with subprocess.Popen(
        [sys.executable, "-c", code], env=ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        assert child.stdout.readline() == "in\n"
        child.send_signal(signal.SIGINT)
        out, err = child.communicate()
    assert (child.returncode, out, err) == (130, "", "Interrupted\n")


def test_what_ctrl_c_leaves_half_made_does_not_complain() -> None:
    half = "half = type('Half', (), {'__del__': lambda self: 1 / 0})(); raise KeyboardInterrupt"
    done = subprocess.run(
        [sys.executable, "-c", WITH_COMMAND.replace("{body}", half)],
        env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted\n")


def test_a_reader_that_leaves_causes_no_noise() -> None:
    code = WITH_COMMAND.format(body="[click.echo('x' * 1000) for _ in range(10_000)]")
    with subprocess.Popen(
        [sys.executable, "-c", code], env=ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == ""
        assert child.wait() == 1


def loaded_by(*arguments: str) -> set[str]:
    code = (
        "import sys; from edgekit.cli import main\n"
        f"try: main({list(arguments)!r})\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_help_imports_next_to_nothing() -> None:
    heavy = {"numpy", "msgspec", "rich", "keras", "tensorflow", "filelock", "platformdirs"}
    assert loaded_by("--help").isdisjoint(heavy)


@pytest.mark.parametrize("arguments", [["targets"], ["targets", "show", "onnx-int8"], ["cache"]])
def test_light_commands_import_no_numbers(arguments: list[str]) -> None:
    assert loaded_by(*arguments).isdisjoint({"numpy", "rich", "keras", "tensorflow", "onnx"})


def test_the_doctor_imports_no_framework() -> None:
    assert loaded_by("doctor").isdisjoint({"keras", "tensorflow", "onnx", "openvino"})


def test_python_m_edgekit_runs() -> None:
    done = subprocess.run([*EDGEKIT, "-V"], env=ENVIRONMENT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"edgekit {VERSION}\n", "")


def test_json_is_strict_and_sorted(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"b": float("nan"), "a": Path("x"), "c": float("inf")})
    assert capsys.readouterr().out == '{\n  "a": "x",\n  "b": null,\n  "c": null\n}\n'


def test_columns_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_columns([("name", "n"), ("a", "10"), ("longer", "")])
    assert capsys.readouterr().out == "name    n\na       10\nlonger\n"


def test_an_error_never_ends_up_on_stdout() -> None:
    done = subprocess.run(
        ["sh", "-c", '"$0" -m edgekit targets show nothing 2>&-', sys.executable],
        env=ENVIRONMENT, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
