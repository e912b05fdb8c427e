"""Trace to float artifact, one module a format."""
