"""Matches what has the file's own name for it: ONNX and OpenVINO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.auditing import Operator
from edgekit.devices.figures import OperatorCost
from edgekit.devices.operators.ran import Ran, Unit, not_of_the_file, of_the_file


def by_name(
    operators: Sequence[Operator], ran: Sequence[Ran], places: Mapping[str, int], unit: Unit
) -> tuple[OperatorCost, ...]:
    """Return what each operator of the file takes, then what else ran.

    Args:
        operators: Of the file.
        ran: What ran; what runs several times under a name is one.
        places: The index of the operator that has a name.
        unit: What costs count.
    """
    spent = dict[int, float]()
    for each in ran:
        if (index := places.get(each.name)) is not None:
            spent[index] = spent.get(index, 0) + each.cost
    extra = [
        not_of_the_file(each.kind, each.name, each.cost, unit)
        for each in ran
        if each.name not in places
    ]
    return (*of_the_file(operators, spent, unit), *extra)
