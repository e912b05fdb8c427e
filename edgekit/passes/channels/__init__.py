"""Channels of a model: which must leave together, which matter least, and how they leave."""
