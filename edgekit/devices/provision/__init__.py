"""Brings what devices need into the user's cache folder, by package name only."""
