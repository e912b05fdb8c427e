"""Which operators of a graph are one float island."""

from __future__ import annotations

from edgekit.inspection.graph import Inspection, OperatorFacts


def islands(graph: Inspection) -> tuple[tuple[OperatorFacts, ...], ...]:
    """Return the float islands of a file, each with its operators in order of execution.

    Operators are of one island where one reads what another gives, or both read the same float
    tensor that an operator gives.
    """
    found: list[list[OperatorFacts]] = []
    of: dict[str, list[OperatorFacts]] = {}
    for one in graph.operators:
        if not one.island:
            continue
        keys = [key for key in (*one.reads, *one.outputs) if key not in graph.inputs]
        near = {id(of[key]): of[key] for key in keys if key in of}
        group = [other for each in near.values() for other in each] + [one]
        found = [each for each in found if id(each) not in near] + [group]
        of.update({key: group for other in group for key in (*other.reads, *other.outputs)})
    ordered = (sorted(each, key=lambda one: one.index) for each in found)
    return tuple(sorted(map(tuple, ordered), key=lambda each: each[0].index))
