"""Looks inside a file: its graph, operator by operator and tensor by tensor."""

from edgekit.inspection.graph import Cost, Inspection, OperatorFacts, Profile, TensorFacts
from edgekit.inspection.read import read_graph

__all__ = ["Cost", "Inspection", "OperatorFacts", "Profile", "TensorFacts", "read_graph"]
