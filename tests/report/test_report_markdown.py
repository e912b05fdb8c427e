from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from edgekit.report.markdown import SECTIONS, render
from edgekit.report.markdown.syntax import code, escape, opening, table
from edgekit.report.model import Report
from edgekit.report.notes import notes
from edgekit.report.sparsity import zeros_said
from edgekit.report.text import visible

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
NASTY = st.text(st.sampled_from("|`\\<>*_[]()#~!&$@^{}-+=.:;\n\r\t 1aw/\x1b\u202e\"'"), max_size=30)


def shown(tokens: list[Any]) -> list[str]:
    """Return the text of every inline part; anything but text in it is a failure."""
    texts = []
    for token in tokens:
        if token.type == "inline":
            assert {child.type for child in token.children} <= {"text", "text_special"}
            texts.append("".join(child.content for child in token.children))
    return texts


@given(NASTY | st.text(max_size=50))
def test_a_cell_shows_a_name_and_obeys_nothing(name: str) -> None:
    tokens = MARKDOWN.parse("\n".join(table(("a", "b"), [(name, "end")])))
    assert shown(tokens) == ["a", "b", visible(name, most=300).strip(), "end"]


@given(NASTY | st.text(max_size=50))
def test_a_line_shows_a_name_and_obeys_nothing(name: str) -> None:
    tokens = MARKDOWN.parse(f"- {opening(name)}")
    assert shown(tokens) == ([visible(name)] if visible(name) else [])
    assert [t.type for t in tokens if t.type.endswith("list_open")] == ["bullet_list_open"]


@pytest.mark.parametrize("link", ["http://x.example", "WWW.x.example", "a@x.example"])
def test_nothing_becomes_a_link_on_github(link: str) -> None:
    assert link not in escape(link)


@given(st.text(st.sampled_from("`~\nab"), max_size=30))
def test_a_command_stays_within_its_block(command: str) -> None:
    tokens = MARKDOWN.parse("\n".join(code(command)))
    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content.rstrip("\n") == command.rstrip("\n")


def test_everything_is_said(full_report: Report) -> None:
    text = render(full_report)
    for heading in SECTIONS:
        assert f"\n## {heading}\n" in text
    for said in (
        "# resnet8 for tflite-int8",
        "**Fail**: promises broken: 1, budgets missed: 0.",
        "| top1, 500 samples | 0.8720 | 0.8680 | drop 0.40 pp \\[-0.61, 1.40\\] |",
        "| size, against the float file | 313.0 KiB | 97.6 KiB | 3.21x smaller |",
        "| latency, median | 0.325 ms | 0.46 ms | 0.71x as fast |",
        "| peak memory, model | 11.5 MiB | 10.0 MiB | -1.5 MiB |",
        "| yes | converter, mse | tflite-converter | mse | yes | 31.2 dB | 29.5 dB | 98.0% |  |",
        "| DepthwiseConv2D groups | conv2d/1 | left out |",
        "| CONV_2D | int8 | 1 | 442,368 |",
        "| SOFTMAX | conv2d/1 | no kernel |",
        "| warning | too-few-samples | few: conv2d/1 |",
        "```sh\nedgekit convert conv2d/1 --target tflite-int8\n```",
    ):
        assert said in text
    worst = text.index("| 1 | dense | 28.0 dB")
    assert worst < text.index("| 2 | conv2d/1 | 40.0 dB")


def test_what_is_not_there_is_left_out(bare_report: Report) -> None:
    text = render(bare_report)
    assert "**Pass**" in text
    assert "identical" in text
    for heading in ("Warnings", "Candidates", "Layer errors, worst first", "Layers", "Stages"):
        assert f"## {heading}\n" not in text
    assert "latency" not in text
    assert "None was needed" in text
    assert "Nothing had to be mended." in text
    assert "The target sets no budget." in text


def test_budgets(full_report: Report) -> None:
    budget = dataclasses.replace(full_report.target.budget, latency_ms=2.5)
    target = dataclasses.replace(full_report.target, budget=budget)
    assert "- kept: latency_ms: 2.5" in render(dataclasses.replace(full_report, target=target))
    missed = dataclasses.replace(full_report, target=target, missed_budgets=("latency_ms: 3",))
    assert "- missed: latency_ms: 3" in render(missed)


def test_hostile_names_change_nothing_but_names(
    full_report: Report, hostile_report: Report
) -> None:
    def structure(report: Report) -> list[str]:
        return [t.type for t in MARKDOWN.parse(render(report)) if t.type != "fence"]

    assert structure(hostile_report) == structure(full_report)
    text = render(hostile_report)
    assert "\x1b" not in text
    unescaped = re.sub(r"\\.", "", text.rpartition("## How to make it again")[0])
    assert "<" not in unescaped
    assert "`" not in unescaped


def sparse(report: Report, **changed: Any) -> str | None:
    return zeros_said(dataclasses.replace(report, **changed))


def test_whether_zeros_bring_speed_is_said_plainly(full_report: Report) -> None:
    slow = sparse(full_report)
    assert slow == (
        "50% of the weights are zero and bring no speed here: 0.46 ms against 0.325 ms of the "
        "dense float file; they make a compressed file smaller"
    )
    assert escape(slow) in render(full_report)
    assert notes([full_report])[-1] == ("note", f"tflite-int8: {slow}")

    taken = full_report.latency
    assert taken is not None
    turned = dataclasses.replace(
        taken, artifact=taken.float_baseline, float_baseline=taken.artifact
    )
    quick = sparse(full_report, latency=turned)
    assert quick is not None
    assert "comes of integers" in quick
    floats = dataclasses.replace(full_report.audit, integer_mac_share=0.0)
    assert sparse(full_report, latency=turned, audit=floats) == (
        "50% of the weights are zero: 0.325 ms against 0.46 ms of the dense float file"
    )
    assert "not measured" in str(sparse(full_report, latency=None))

    facts = full_report.compression
    assert facts is not None
    dense = dataclasses.replace(facts, after=facts.before)
    assert sparse(full_report, compression=dense) is None
    assert sparse(full_report, compression=None) is None
