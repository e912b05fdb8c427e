"""Layers that are linear in their input: what their weights mean, and how to change them."""
