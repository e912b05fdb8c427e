"""A file's operators, and which of them is what ran."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edgekit.auditing import AuditResult
from edgekit.auditing.program import Program
from edgekit.auditing.read import read_program
from edgekit.devices.figures import OperatorCost
from edgekit.devices.operators.by_name import by_name
from edgekit.devices.operators.by_order import by_order
from edgekit.devices.operators.places import places_in_onnx, places_in_openvino
from edgekit.devices.operators.ran import Ran, Unit


@dataclass(frozen=True, kw_only=True, eq=False)
class FileOperators:
    """What an audit says of a file, and the program that it was read from."""

    audited: AuditResult
    program: Program

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            ArtifactError, MissingExtra: see ``edgekit.auditing.read_program``.
        """
        _, program, audited = read_program(path)
        return cls(audited=audited, program=program)

    @property
    def in_main_graph(self) -> int:
        """How many are in the main graph; those in bodies of loops come after them."""
        return sum(node.graph == 0 for node in self.program.nodes)

    def matched(self, ran: Sequence[Ran], unit: Unit) -> tuple[OperatorCost, ...]:
        """Return what each operator takes, then what else ran: as the file's format allows."""
        if self.audited.format == "tflite":
            return by_order(self.audited.operators[: self.in_main_graph], ran, unit)
        if self.audited.format == "onnx":
            places = places_in_onnx(self.audited)
        else:
            places = places_in_openvino(self.audited.path, self.program)
        return by_name(self.audited.operators, ran, places, unit)
