"""``python -m benchmarks [NAME ...] [--json FILE]``: runs benchmarks and prints their tables."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.rows import HEAD, Row, cells, table
from edgekit.quiet import framework_environment

# name -> what it measures; the module of that name has a function ``rows``.
BENCHMARKS = {
    "startup": "commands that need no framework",
    "gate": "1,000 rules, whole processes",
    "false_alarms": "a model compared with itself in real timing noise, and 5 % slower (an hour)",
    "second_run": "the same conversion again",
    "convert_speed": "tflite-int8 against TensorFlow's converter, whole processes",
    "three_formats": "three int8 formats against the three documented scripts",
    "host_overhead": "what `edgekit bench -d host` adds to a bare loop of inferences",
    "html_report": "a page of ten artifacts: writing it, its size, opening it in Chromium",
    "calibration": "ranges of every activation against litert-quantizer and NNCF; memory",
    "accuracy": "four real models, every target: points lost, beside the documented routes",
    "compression": "recipes on real models, over three seeds; TFMOT's QAT beside them (an hour)",
    "modelled": "modelled latencies of emulated boards against published ones",
    "farm": "a farm of fake devices: time against the ideal, memory of the queue",
    "history": "100,000 runs: filtered listings, trends, pages",
    "large_model": "memory of int8 conversions of ConvNeXtLarge, beside the scripts (20 minutes)",
    "applications": "keras.applications, each to each float and int8 target (hours)",
}
LONG = ("false_alarms", "applications", "compression", "large_model", "modelled")


def main() -> int:
    """Run what is asked for; 1 if a bar was missed."""
    parser = _parser()
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}")
    framework_environment()
    if given.list:
        print("\n".join(f"{name:16} {text}" for name, text in BENCHMARKS.items()))
        return 0
    names = given.names or [name for name in BENCHMARKS if name not in LONG]
    results: dict[str, list[Row]] = {}
    for name in names:
        print(f"\n## {name}: {BENCHMARKS[name]}\n", flush=True)
        results[name] = list(_shown(_rows(name, given)))
        print(f"\n{table(results[name])}", flush=True)
        if given.json:
            _write(given.json, results)
    missed = [row for rows in results.values() for row in rows if row.verdict == "missed"]
    print(f"\n{len(missed)} of {sum(map(len, results.values()))} rows missed their bar")
    return 1 if missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    parser.add_argument("--repeats", type=int, help="of whole processes")
    parser.add_argument("--only", help="architectures or pairs, with commas between")
    parser.add_argument("--targets", help="targets, with commas between")
    parser.add_argument("--input-side", type=int, help="of the architectures' pictures")
    return parser


def function_of(name: str) -> Callable[..., Iterator[Row]]:
    """Return the function ``rows`` of a benchmark's module."""
    function: Callable[..., Iterator[Row]] = importlib.import_module(f"benchmarks.{name}").rows
    return function


def _rows(name: str, given: argparse.Namespace) -> Iterator[Row]:
    """Call a benchmark with those of the options that it knows."""
    function = function_of(name)
    known: dict[str, Any] = {
        "only": given.only.split(",") if given.only else None,
        "targets": given.targets.split(",") if given.targets else None,
        "repeats": given.repeats,
        "input_side": given.input_side,
    }
    wanted = function.__annotations__
    yield from function(**{k: v for k, v in known.items() if v is not None and k in wanted})


def _shown(rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        named = zip(HEAD[1:], cells(row)[1:], strict=True)
        print(f"{row.what}: {', '.join(f'{h} {c}' for h, c in named if c)}", flush=True)
        yield row


def _write(path: Path, results: dict[str, list[Row]]) -> None:
    plain = {
        name: [asdict(row) | {"ratio": row.ratio, "verdict": row.verdict} for row in rows]
        for name, rows in results.items()
    }
    path.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
