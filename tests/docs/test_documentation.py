"""The documentation names everything that a user can meet, and what it shows is true."""

from __future__ import annotations

import dataclasses
import re
import runpy
import typing
from pathlib import Path
from typing import Any

import click
import pytest

import edgekit
from edgekit import catalog
from edgekit.calibrate.estimators import ESTIMATORS
from edgekit.calibrate.lint import Code
from edgekit.calibrate.preprocessing import PictureOptions
from edgekit.calibrate.profile import Profile
from edgekit.cli import COMMANDS, INTERRUPTED, main
from edgekit.cli.schema import documents
from edgekit.devices import load_device
from edgekit.errors import EdgekitError, Missed
from edgekit.farm.plan import load_plan
from edgekit.gating import Policy
from edgekit.passes import PASSES, passes_of
from edgekit.recipe import Recipe
from edgekit.report.figures import FIGURES
from edgekit.report.markdown import SECTIONS
from edgekit.report.model import Report
from edgekit.target import POSSIBLE, Target, contradictions

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
NAMES = [path.name for path in PAGES]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def text(name: str) -> str:
    return next(path for path in PAGES if path.name == name).read_text(encoding="utf-8")


def blocks(language: str) -> list[Any]:
    """Return what stands between fences of a language, as parameters named by page and place."""
    return [
        pytest.param(body, id=f"{path.name}-{place}")
        for path in PAGES
        for place, (_, kind, body) in enumerate(FENCE.findall(path.read_text(encoding="utf-8")))
        if kind == language
    ]


def keys(kind: type[Any], prefix: str = "") -> list[str]:
    """Return the keys of a TOML file that is read into a dataclass."""
    hints, found = typing.get_type_hints(kind), []
    for field in dataclasses.fields(kind):
        own = hints[field.name]
        if dataclasses.is_dataclass(own):
            found += keys(typing.cast("type[Any]", own), f"{prefix}{field.name}.")
        else:
            found.append(prefix + field.name)
    return found


def options(name: str) -> list[str]:
    context = click.Context(main)
    command = main.get_command(context, name)
    assert command is not None
    parts = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
    found = [p for part in parts for p in part.params if isinstance(p, click.Option)]
    return [max(option.opts, key=len) for option in found]


@pytest.mark.parametrize("name", catalog.names("targets"))
def test_every_shipped_target_is_in_the_table_as_it_is(name: str) -> None:
    numbers = Target.load(name).quantization
    row = re.search(rf"^\| `{name}` \| (.*)$", text("targets.md"), re.MULTILINE)
    assert row is not None
    weights, activations, io, calibration, *_ = (cell.strip() for cell in row[1].split("|"))
    assert weights.split()[0] == numbers.weights
    assert (activations, io) == (numbers.activations, numbers.io)
    assert calibration == ("needed" if numbers.needs_calibration else "no")


@pytest.mark.parametrize("key", ["schema", *keys(Target)])
def test_every_key_of_a_target_is_explained(key: str) -> None:
    assert re.search(rf"^\| `{re.escape(key)}` \| [^|]+ \| [^|]+ \| [^|]+ \|$",
                     text("targets.md"), re.MULTILINE)  # fmt: skip


@pytest.mark.parametrize("kind", list(POSSIBLE))
def test_the_possible_pairs_are_those_of_the_code(kind: str) -> None:
    row = re.search(rf"^\| `{kind}` \| (.*) \|$", text("targets.md"), re.MULTILINE)
    assert row is not None
    pairs = {tuple(pair.split("/")) for pair in row[1].split(", ")}
    assert pairs == POSSIBLE[kind]


def test_every_key_of_a_profile_is_explained() -> None:
    said = text("data.md")
    wanted = [key for key in keys(Profile) if "." not in key]
    wanted += [field.name for field in dataclasses.fields(PictureOptions)]
    missing = [key for key in wanted if not re.search(rf"`(preprocessing)?\.?{key}`", said)]
    assert missing == []


@pytest.mark.parametrize("key", ["schema", *keys(Recipe)])
def test_every_key_of_a_recipe_is_explained(key: str) -> None:
    assert re.search(
        rf"^\| `{key}` \| [^|]+ \| [^|]+ \| [^|]+ \|$", text("recipes.md"), re.MULTILINE
    )


@pytest.mark.parametrize("name", catalog.names("recipes"))
def test_every_shipped_recipe_is_in_the_table(name: str) -> None:
    assert re.search(rf"^\| `{name}` \| [^|]+ \| [^|]+ \|$", text("recipes.md"), re.MULTILINE)


def test_every_pass_is_documented_as_it_is() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "examples" / "refresh_passes.py"))
    said = "docs/passes.md is out of date: python docs/examples/refresh_passes.py"
    assert text("passes.md").endswith(script["reference"]()), said


CALLS = (
    "prune_low_magnitude", "PolynomialDecay", "ConstantSparsity", "UpdatePruningStep",
    "strip_pruning", "cluster_weights", "strip_clustering", "quantize_model",
    "quantize_annotate_layer", "quantize_apply", "quantize_scope", "QuantizeConfig",
    "Default8BitPrunePreserveQuantizeScheme", "Default8BitClusterPreserveQuantizeScheme",
)  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_every_call_of_tfmot_is_mapped(call: str) -> None:
    assert re.search(rf"^\| `?.*{call}.* \| .+ \|$", text("from-tfmot.md"), re.MULTILINE)


def test_what_the_page_for_tfmot_names_is_there() -> None:
    for name, written in re.findall(r"`(\w+)\(([^`]*)\)`", text("from-tfmot.md")):
        kinds = {PASSES.load(n).__name__: PASSES.load(n) for n in PASSES.names()}
        if name in kinds:
            known = {field.name for field in dataclasses.fields(kinds[name])}
            assert set(re.findall(r"(\w+)=", written)) <= known, written


@pytest.mark.parametrize("code", typing.get_args(Code))
def test_every_lint_code_has_a_row(code: str) -> None:
    assert re.search(rf"^\| `{code}` \| (error|warning|error or warning) \| .+ \| .+ \|$",
                     text("data.md"), re.MULTILINE)  # fmt: skip


@pytest.mark.parametrize("name", [*ESTIMATORS, "auto"])
def test_every_estimator_is_explained(name: str) -> None:
    assert re.search(rf"(^\| |\*\*)`{name}`", text("data.md"), re.MULTILINE)


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Report)])
def test_every_field_of_the_report_has_a_row(field: str) -> None:
    assert re.search(rf"^\| `{field}` \| .+ \|$", text("report.md"), re.MULTILINE)


def test_everything_inside_the_report_is_named() -> None:
    said, missing = text("report.md"), []
    stack: list[Any] = [Report]
    seen: set[Any] = {Target}
    while stack:
        kind = stack.pop()
        if kind in seen:
            continue
        seen.add(kind)
        hints = typing.get_type_hints(kind)
        names = [*(field.name for field in dataclasses.fields(kind)), *FIGURES.get(kind, {})]
        missing += [f"{kind.__name__}.{name}" for name in names if f"`{name}`" not in said]
        stack += [part for hint in hints.values() for part in parts(hint)]
    assert missing == []


def parts(hint: Any) -> list[Any]:
    if dataclasses.is_dataclass(hint):
        return [hint]
    return [found for inner in typing.get_args(hint) for found in parts(inner)]


@pytest.mark.parametrize("section", list(SECTIONS))
def test_every_section_of_the_markdown_is_named(section: str) -> None:
    assert f"**{section.split(',')[0]}" in text("report.md") or section.startswith("How to")


@pytest.mark.parametrize("name", list(documents()))
def test_every_schema_command_is_shown(name: str) -> None:
    assert f"edgekit schema {name}" in text("report.md")


@pytest.mark.parametrize("code", [0, EdgekitError.exit_code, 2, Missed.exit_code, INTERRUPTED])
def test_every_exit_code_is_explained(code: int) -> None:
    assert re.search(rf"^\| {code} \| .+ \|$", text("report.md"), re.MULTILINE)
    assert f"**{code}**" in text("README.md")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_option_is_mentioned(name: str) -> None:
    pages = "".join(text(page) for page in NAMES)
    missing = [o for o in options(name) if not re.search(rf"(?<![\w-]){o}(?![\w-])", pages)]
    assert missing == []


def test_every_variable_of_the_environment_is_mentioned() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "edgekit").rglob("*.py"))
    names = set(re.findall(r"[\"'](EDGEKIT_[A-Z_]+)[\"']", code))
    assert {"EDGEKIT_CACHE", "EDGEKIT_CACHE_LIMIT_GIB"} <= names
    assert [name for name in sorted(names) if f"`{name}`" not in text("commands.md")] == []


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"edgekit {name}" in text("README.md")


def commands(page: str) -> list[str]:
    """Return every command line of edgekit in shell blocks, indented blocks and inline code."""
    said = text(page)
    lines = [
        line for _, kind, body in FENCE.findall(said) if kind == "sh" for line in body.split("\n")
    ]
    lines += re.findall(r"^ {4,}(.+)$", said, re.MULTILINE)
    lines += re.findall(r"`([^`\n]+)`", said)
    return [line.strip().split("#")[0] for line in lines if line.strip().startswith("edgekit ")]


@pytest.mark.parametrize("page", NAMES)
def test_commands_that_are_shown_exist_with_their_options(page: str) -> None:
    for line in commands(page):
        words = line.split()[1:]
        if words[0] in ("--help", "-h", "--version", "-V"):
            continue
        assert words[0] in COMMANDS, line
        command = main.get_command(click.Context(main), words[0])
        assert command is not None
        if isinstance(command, click.Group) and len(words) > 1:
            command = command.commands.get(words[1], command)
        known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        given = [word for word in words[1:] if re.fullmatch(r"--?[a-z][a-z-]*", word)]
        assert set(given) <= known, line


def test_commands_were_found() -> None:
    assert len([line for name in NAMES for line in commands(name)]) > 30


def test_places_that_a_new_exporter_touches_are_there() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "edgekit").rglob("*.py"))
    code += "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    names = set(
        re.findall(r"`(_?[A-Z][A-Z_]{3,}|_[a-z_]+|[a-z]+_[a-z]+)`", text("new-exporter.md"))
    )
    assert len(names) > 12
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", code)] == []


@pytest.mark.parametrize("page", NAMES)
def test_relative_links_lead_to_files(page: str) -> None:
    path = next(path for path in PAGES if path.name == page)
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("page", NAMES)
def test_lines_are_short_and_paths_are_relative(page: str) -> None:
    lines = [line for line in text(page).splitlines() if not line.startswith("|")]
    assert [line for line in lines if len(line) > 120] == []
    assert not re.search(r"(?<![\w.~])/(home|tmp|work|root|Users)/", text(page))


@pytest.mark.parametrize("body", blocks("toml"))
def test_toml_examples_load(body: str, tmp_path: Path) -> None:
    path = tmp_path / "example.toml"
    path.write_text(body, encoding="utf-8")
    if "[[passes]]" in body:
        recipe = Recipe.load(str(path))
        assert passes_of(recipe.passes, where=recipe.name)
    elif "[[rules]]" in body:
        assert Policy.load(path).rules
    elif "kind =" in body:
        assert load_device(str(path)).name
    elif "devices =" in body:
        for name in ("build/a.tflite", "build/kws.onnx"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        assert load_plan(path).devices
    elif "format =" in body:
        assert contradictions(Target.load(str(path))) == []
    else:
        assert Profile.load(str(path)).name


@pytest.mark.parametrize("body", blocks("python"))
def test_python_examples_compile_and_call_what_there_is(body: str) -> None:
    compile(body, "example", "exec")
    for name in re.findall(r"\bedgekit\.(\w+)\(", body):
        assert name in edgekit.__all__


def test_examples_of_every_language_were_found() -> None:
    assert len(blocks("toml")) >= 2
    assert len(blocks("python")) >= 4
