"""What every page is: one file with its style and one script, and a policy that allows no other."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from edgekit.report.html.words import command, quoted, shown, thumbnail
from edgekit.version import VERSION


@functools.cache
def environment(*packages: str) -> jinja2.Environment:
    """Return the templates of packages, and ours; every value is escaped and made visible.

    Texts are on one line and not long, and nothing in them is obeyed.
    """
    loaders = [jinja2.FunctionLoader(_parts_of(one)) for one in (*packages, __package__)]
    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=shown,
    )  # fmt: skip
    made.filters |= {"quoted": quoted, "command": command, "thumbnail": thumbnail}
    return made


def shell(*, title: str, what: str, lines: list[str], style: str = "") -> dict[str, Any]:
    """Return what ``shell.html`` needs.

    Args:
        title: Of the page.
        what: Kind of page, such as ``report``.
        lines: Below the title.
        style: Added to the style that all pages have.
    """
    script = part(__package__, "sort.js")
    return {
        "title": title,
        "what": what,
        "lines": lines,
        "style": Markup(part(__package__, "style.css") + style),
        "script": Markup(script),
        "policy": Markup(policy(script)),
        "version": VERSION,
    }


def policy(script: str) -> str:
    """Return the content security policy of a page: its style, this one script, pictures within."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
        f" script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


@functools.cache
def part(package: str, name: str) -> str:
    """Return a file of a package's ``templates``."""
    return (resources.files(package) / "templates" / name).read_text(encoding="utf-8")


def _parts_of(package: str) -> Callable[[str], str | None]:
    def load(name: str) -> str | None:
        try:
            return part(package, name)
        except FileNotFoundError:
            return None  # the next package has it

    return load
