"""What is forgiven an unsteady model, and what is never forgiven a steady one."""

from __future__ import annotations

import math

import numpy as np

from edgekit.pipeline.steadiness import MARGIN_DB, least_sqnr_db

INPUTS = {"x": np.linspace(-1, 1, 400, dtype=np.float32).reshape(50, 8)}


def steady(inputs):
    return {"y": inputs["x"] @ np.ones((8, 3), np.float32)}


def unsteady(inputs):
    return {"y": np.sin(inputs["x"] * 1e4)}


def test_nothing_is_forgiven_a_steady_model():
    assert least_sqnr_db(steady, INPUTS, steady(INPUTS), "int8") == math.inf


def test_an_unsteady_model_is_held_to_its_own_unsteadiness():
    floor = least_sqnr_db(unsteady, INPUTS, unsteady(INPUTS), "int8")

    assert -30 < floor < 20 - MARGIN_DB["int8"]


def test_float_files_are_held_to_what_the_model_does_under_rounding_of_floats():
    assert least_sqnr_db(steady, INPUTS, steady(INPUTS), "float32") > 90
