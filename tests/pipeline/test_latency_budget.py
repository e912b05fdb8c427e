"""A model is pruned until its float file was measured to be faster on this host."""

from __future__ import annotations

from pathlib import Path

import keras  # noqa: TID253
import pytest

import edgekit

L = keras.layers


@pytest.mark.slow
def test_channels_leave_until_the_latency_is_kept(tmp_path: Path) -> None:
    recipe = tmp_path / "faster.toml"
    recipe.write_text(
        'schema = 1\nname = "faster"\ndescription = "half of the time"\n'
        '[[passes]]\nname = "channel-prune"\nlatency = 0.5\nrefit = false\n',
        encoding="utf-8",
    )
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 16), name="x")
    wide = L.Conv2D(256, 3, activation="relu", name="wide")(inputs)
    model = keras.Model(inputs, L.Conv2D(4, 3, name="end")(wide))

    made = edgekit.compress(model, str(recipe), cache=False)

    share = made.report.passes[0].figures["macs_share"]
    assert 0.1 < share < 0.9, "half of the time is about half of the work, on any host"
    assert made.model.get_layer("wide").filters == round(256 * share / 8) * 8
