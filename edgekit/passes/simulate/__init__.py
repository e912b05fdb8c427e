"""Simulates integer arithmetic in a Keras model, so that it can be trained for it."""
