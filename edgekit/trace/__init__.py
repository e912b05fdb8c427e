"""The frozen, static-shape graph that every exporter starts from."""

from edgekit.trace.freeze import Trace, computing_in_float32, freeze
from edgekit.trace.shapes import Signature, entry_name, signature
from edgekit.trace.unroll import recurrent

__all__ = [
    "Signature",
    "Trace",
    "computing_in_float32",
    "entry_name",
    "freeze",
    "recurrent",
    "signature",
]
