"""Trains Keras models, reproducibly and resumably."""
