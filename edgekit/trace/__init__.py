"""The frozen, static-shape graph that every exporter starts from."""

from edgekit.trace.freeze import Trace, freeze
from edgekit.trace.shapes import Signature, signature

__all__ = ["Signature", "Trace", "freeze", "signature"]
