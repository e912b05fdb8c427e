"""A gate's verdict as JUnit XML: one test case a check."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from edgekit.gating.result import Check, GateResult
from edgekit.report.text import visible

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(found: GateResult) -> bytes:
    """Return the document. A failed check is a failure, an undecided one an error.

    Warnings are told in a case's ``system-out``; the case itself passes.
    """
    counts = {
        "tests": str(len(found.checks)),
        "failures": str(sum(check.verdict == "fail" for check in found.checks)),
        "errors": str(sum(check.verdict == "undecided" for check in found.checks)),
    }
    root = ET.Element("testsuites", {"name": "edgekit gate", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": "edgekit gate", "time": "0", **counts})
    properties = ET.SubElement(suite, "properties")
    for name, value in (("verdict", found.verdict), ("report", found.report),
                        ("policy", found.policy), ("sentence", found.sentence)):  # fmt: skip
        ET.SubElement(properties, "property", name=name, value=xml_text(value))
    for check in found.checks:
        _case(suite, check)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _case(suite: ET.Element, check: Check) -> None:
    case = ET.SubElement(
        suite, "testcase", time="0",
        classname=xml_text(".".join((check.model, check.target, check.device))),
        name=xml_text(f"{check.rule}: {check.metric} {check.kind}"),
    )  # fmt: skip
    text = xml_text(check.text)
    if check.verdict == "fail":
        ET.SubElement(case, "failure", type=check.outcome, message=text).text = text
    elif check.verdict == "undecided":
        ET.SubElement(case, "error", type=check.outcome, message=text).text = text
    elif check.verdict == "warn":
        ET.SubElement(case, "system-out").text = f"warning: {text}"


def xml_text(text: str) -> str:
    """Return one line in which XML's forbidden characters are visible."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", visible(text, most=2000))
