"""The graph of a file as data, for every view of it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Literal

from edgekit.auditing.result import Numbers
from edgekit.shown import shown
from edgekit.version import VERSION

SCHEMA = 1
Unit = Literal["ms", "instructions", "cycles"]


@dataclass(frozen=True, kw_only=True)
class GridFacts:
    """The integers that a tensor stands on: real = scale * (stored - zero point).

    ``scales`` counts them; ``scale_low`` and ``scale_high`` are the least and the greatest. ``low``
    and ``high`` are the real numbers at the ends of the range, of the widest channel.
    """

    scales: int
    scale_low: float
    scale_high: float
    zero_low: int | None = None
    zero_high: int | None = None
    axis: int | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class TensorFacts:
    """A tensor of the file. ``bytes`` is its dense size, where open dimensions count as 1.

    ``shape`` is None where the rank is not known; ``None`` in it is an open dimension.
    """

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str
    bytes: int
    constant: bool
    grid: GridFacts | None = None


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What an operator costs, in the profile's unit, and its share of all operators, in [0, 1].

    ``where`` is the unit that runs it.
    """

    value: float
    share: float
    where: str = "cpu"


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Where costs come from. ``elsewhere`` is what no operator of the file accounts for."""

    device: str
    unit: Unit
    basis: str
    total: float
    elsewhere: float = 0.0


@dataclass(frozen=True, kw_only=True)
class OperatorFacts:
    """An operator, in order of execution within its graph.

    ``index`` is that of the audit, ``number`` counts within ``graph``. ``kind``, ``precision``,
    ``numbers``, ``macs`` and ``weights`` are as in ``edgekit.auditing.Operator``. ``inputs`` and
    ``outputs`` are keys of tensors, ``reads`` the inputs that are computed. ``weight_bytes`` sums
    the stored constants that it reads; what several operators share counts for each. ``bodies`` are
    the graphs that it runs. ``prepares``: it works on constants alone. ``island``: it computes in
    float in a file that otherwise computes in integers; ``why`` says what keeps it there.
    """

    index: int
    graph: int
    number: int
    kind: str
    layer: str
    precision: str
    numbers: Numbers
    macs: int
    weights: str | None
    weight_bytes: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    reads: tuple[str, ...]
    bodies: tuple[int, ...] = ()
    prepares: bool = False
    island: bool = False
    why: str = ""
    cost: Cost | None = None


@shown("inspection")
@dataclass(frozen=True, kw_only=True)
class Inspection:
    """The graph of one file. ``tensors`` are by key; ``graphs`` names the main one, then bodies."""

    schema: int = SCHEMA
    edgekit: str = VERSION
    path: str
    sha256: str
    format: Literal["tflite", "openvino", "onnx"]
    file_bytes: int
    macs: int
    integer_mac_share: float
    weight_bytes: int
    graphs: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operators: tuple[OperatorFacts, ...]
    tensors: dict[str, TensorFacts] = field(default_factory=dict)
    profile: Profile | None = None

    @functools.cached_property
    def inside(self) -> dict[int, list[OperatorFacts]]:
        """The operators of each graph, by its number."""
        found: dict[int, list[OperatorFacts]] = {}
        for one in self.operators:
            found.setdefault(one.graph, []).append(one)
        return found

    @functools.cached_property
    def runners(self) -> dict[int, list[OperatorFacts]]:
        """The operators that run each body, by its number."""
        found: dict[int, list[OperatorFacts]] = {}
        for one in self.operators:
            for body in one.bodies:
                found.setdefault(body, []).append(one)
        return found

    def named(self, number: int) -> str:
        """Return what to call one of the graphs: its number, its name, and what runs it."""
        of = ", ".join(f"{one.index} {one.kind}" for one in self.runners.get(number, [])[:3])
        return f"graph {number} {self.graphs[number]}{f', run by {of}' if of else ''}"

    def ends(self, number: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what comes into one of the graphs and what leaves it, by key.

        A body takes what it reads and neither makes nor holds, and gives what it makes and does not
        read.
        """
        if number == 0:
            return self.inputs, self.outputs
        inner = self.inside.get(number, [])
        made = dict.fromkeys(key for one in inner for key in one.outputs)
        read = dict.fromkeys(key for one in inner for key in one.reads)
        return tuple(k for k in read if k not in made), tuple(k for k in made if k not in read)

    def tensor(self, key: str) -> TensorFacts:
        """Return a tensor; one that nothing describes has no shape and no type."""
        return self.tensors.get(key) or TensorFacts(
            name=key, shape=None, dtype="unknown", bytes=0, constant=False
        )
