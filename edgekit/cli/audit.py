"""``edgekit audit``: what a model file holds, from its own bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.complete import target_names
from edgekit.cli.options import json_option, print_json, say_line, show
from edgekit.report import text

if TYPE_CHECKING:
    from edgekit.auditing import AuditResult

Row = tuple[str, ...]


@click.command("audit")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--target", "target_name", metavar="NAME", shell_complete=target_names,
              help="Check what this target promises: a name or a TOML file.")  # fmt: skip
@click.option("--operators", "each", is_flag=True, help="List every operator, not groups of them.")
@json_option
def command(file: Path, target_name: str | None, each: bool, as_json: bool) -> None:
    """Say what a model FILE holds, from its own bytes; nothing is run.

    Operators and the numbers that they compute in, float islands and why, sizes, inputs, outputs.

    FILE is any .tflite, OpenVINO .xml or .onnx, also one that edgekit did not make. With
    --target, each promise that the file does not keep is printed, and the exit code is 3.
    """
    from edgekit.auditing import audit, broken_promises
    from edgekit.errors import PromiseBroken
    from edgekit.target import Target

    target = Target.load(target_name) if target_name else None
    result = audit(file)
    broken = broken_promises(result, target) if target else []
    if as_json:
        print_json(result)
    else:
        _print(result, each)
        for line in broken:
            say_line(f"broken: {line}")
    if target and broken:
        raise PromiseBroken(
            f"{file} does not keep what {target.name} promises: {'; '.join(broken)}"
        )
    if target and not as_json:
        say_line(f"{target.name}: the file keeps every promise that can be read from it")


def _print(result: AuditResult, each: bool) -> None:
    from edgekit.report.operators import operator_groups

    size = f"{result.file_bytes:,} bytes{text.with_gzip(result.gzip_bytes)}"
    say_line(f"{result.path}: {text.FORMATS[result.format]}, {size}")
    _table(("", "name", "type", "shape", "scale", "zero point"), list(_ends(result)))
    _table(("", "bytes or count", "integer share"), list(_figures(result)), numbers=(1, 2))
    if each:
        listed: list[Row] = [
            (str(op.index), op.kind, op.layer, op.precision, f"{op.macs:,}")
            for op in result.operators
        ]
        _table(("", "operator", "layer", "precision", "MACs"), listed, numbers=(4,))
    else:
        _table(
            ("operator", "precision", "count", "MACs"),
            [group.cells for group in operator_groups(result)],
            numbers=(2, 3),
        )
    for number, island in enumerate(result.float_islands, 1):
        say_line(f"float island {number}: {text.brief(island.operators)}")
        say_line(f"  layers: {text.brief(island.layers)}")
        say_line(f"  why: {island.why}")
    for what, kinds in (("Flex", result.flex), ("custom", result.custom)):
        if kinds:
            say_line(f"{what} operators: {', '.join(kinds)}")


def _ends(result: AuditResult) -> Iterator[Row]:
    for what, specs in (("input", result.inputs), ("output", result.outputs)):
        for spec in specs:
            scale = "" if spec.scale is None else f"{spec.scale:.6g}"
            point = "" if spec.zero_point is None else str(spec.zero_point)
            yield what, spec.name, spec.dtype, text.shape(spec.shape), scale, point


def _figures(result: AuditResult) -> Iterator[Row]:
    yield "multiply-accumulates", f"{result.macs:,}", text.share(result.integer_mac_share)
    yield "operators", f"{len(result.operators):,}", text.share(result.integer_op_share)
    yield "weights", f"{result.weight_bytes:,}", text.share(result.integer_weight_share)
    yield "activations, all", f"{result.activation_bytes:,}", ""
    yield "activations, at once", f"{result.peak_activation_bytes:,}", ""
    yield "weight tensors per channel", str(result.per_channel), ""
    yield "weight tensors per tensor", str(result.per_tensor), ""


def _table(heading: Row, rows: list[Row], numbers: tuple[int, ...] = ()) -> None:
    """Print rows below a heading within 80 columns; long cells are folded, not cut."""
    from edgekit.report.terminal.table import table

    cells = ([text.printable(cell) for cell in row] for row in rows)
    show("", table(heading, cells, right=numbers), "")
