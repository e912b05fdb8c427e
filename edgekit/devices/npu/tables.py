"""Reads what Vela writes about a file; anything that is not as expected is an error."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from edgekit.errors import DeviceError, one_line

AREAS = ("sram", "dram", "on_chip_flash", "off_chip_flash")
Table = list[dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One operation of the compiled file; ``source`` is the index of the operator it comes from."""

    source: int
    name: str
    where: Literal["npu", "cpu"]
    cycles: int


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What Vela says of a file.

    ``used_kib`` is what is needed of each memory, ``sources`` the indices of operators that the
    file had. Cycles are those of the NPU; ``inference_s`` is 0 where nothing runs on it.
    """

    rows: tuple[Row, ...]
    sources: tuple[int, ...]
    accelerator: str
    system_config: str
    memory_mode: str
    clock_hz: float
    inference_s: float
    cycles: int
    macs: int
    weights_bytes: int
    used_kib: Mapping[str, float]
    compiled_bytes: int


def read(folder: Path) -> Compiled:
    """Read the folder that Vela wrote: summary, per-layer table, and debug database.

    Raises:
        DeviceError: a table is missing, or not as version 5.2 of Vela writes it, or they
            contradict each other.
    """
    try:
        return _read(folder)
    except (KeyError, ValueError, ElementTree.ParseError, OSError) as error:
        raise _unknown(f"{type(error).__name__}: {one_line(error)}") from error


def _read(folder: Path) -> Compiled:
    summary = _only(_csv(_one(folder, "*_summary_*.csv").read_text(encoding="utf-8")))
    layers = _csv(_one(folder, "*_per-layer.csv").read_text(encoding="utf-8"))
    debug = _database(_one(folder, "*_debug.xml"))
    sources = {row["id"]: int(row["ext_key"]) for row in debug["source"]}
    rows = _rows(layers, debug["perf"], sources)
    cycles = int(summary["cycles_total"])
    if sum(row.cycles for row in rows) != cycles:
        raise ValueError(f"cycles of the layers do not add up to {cycles}")
    return Compiled(
        rows=rows,
        sources=tuple(sorted(sources.values())),
        accelerator=summary["accelerator_configuration"],
        system_config=summary["system_config"],
        memory_mode=summary["memory_mode"],
        clock_hz=_number(summary["core_clock"]),
        inference_s=_number(summary["inference_time"]),
        cycles=cycles,
        macs=int(summary["nn_macs"]),
        weights_bytes=int(summary["total_npu_encoded_weights"]),
        used_kib={area: _number(summary[f"{area}_memory_used"]) for area in AREAS},
        compiled_bytes=_one(folder, "*_vela.tflite").stat().st_size,
    )


def _rows(layers: Table, performed: Table, sources: Mapping[str, int]) -> tuple[Row, ...]:
    """Join the table that tells where operations run with the one that tells where from."""
    told = [(row["NNG Operator"], row["Name"], row["Op Cycles"]) for row in layers]
    known = [(row["operator"], row["name"], row["op_cycles"]) for row in performed]
    if told != known:
        raise ValueError("its per-layer table and its debug database list different operations")
    return tuple(
        Row(
            source=sources[origin["source_id"]],
            name=layer["Name"],
            where=_where(layer["Target"]),
            cycles=int(layer["Op Cycles"]),
        )
        for layer, origin in zip(layers, performed, strict=True)
    )


def _where(target: str) -> Literal["npu", "cpu"]:
    if target not in ("NPU", "CPU"):
        raise ValueError(f"an operation runs on {target!r}")
    return "npu" if target == "NPU" else "cpu"


def _database(path: Path) -> dict[str, Table]:
    root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    return {table.get("name", ""): _csv((table.text or "").strip()) for table in root.iter("table")}


def _csv(text: str) -> Table:
    return list(csv.DictReader(io.StringIO(text), strict=True))


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise ValueError(f"expected one {pattern}, found {len(found)}")
    return found[0]


def _only(rows: Sequence[dict[str, str]]) -> dict[str, str]:
    if len(rows) != 1:
        raise ValueError(f"expected one row in the summary, found {len(rows)}")
    return rows[0]


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"expected a number of at least 0, got {text!r}")
    return number


def _unknown(what: str) -> DeviceError:
    return DeviceError(
        f"ethos-u-vela: expected the tables that version 5.2 writes ({what}); install that version"
    )
