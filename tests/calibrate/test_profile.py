from __future__ import annotations

import numpy as np
import pytest

from edgekit import catalog
from edgekit.artifact import TensorSpec
from edgekit.calibrate.profile import Profile, find_profile
from edgekit.calibrate.sources import open_samples
from edgekit.errors import OptionError

DIGIT = TensorSpec(name="digit", shape=(None, 8, 8, 1), dtype="float32")


@pytest.mark.parametrize("name", catalog.names("calibration"))
def test_every_shipped_profile_reads_and_opens(name):
    profile = Profile.load(name)
    assert profile.name == name
    samples = open_samples(name, [DIGIT])
    assert len(samples) == profile.count
    (batch,) = samples.batches(1000)
    assert batch.inputs["digit"].min() == 0
    assert 0.9 < batch.inputs["digit"].max() <= 1
    assert sorted(set(batch.labels.tolist())) == list(range(10))
    assert samples.digest


def test_a_profile_of_ones_own(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.full((50, 8, 8), 255, np.uint8))
    path = tmp_path / "mine.toml"
    path.write_text(
        'schema = 1\nname = "mine"\nsummary = "s"\nsource = "d.npz"\ncount = 9\nseed = 4\n'
        '[preprocessing]\nscaling = "-1..1"\n'
    )
    samples = open_samples(path, [DIGIT])
    assert (len(samples), samples.seed) == (9, 4)
    assert (next(samples.batches(9)).inputs["digit"] == 1).all()
    assert len(open_samples(str(path), [DIGIT], count=3, seed=0)) == 3
    assert find_profile(tmp_path) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("colour = 1", "unknown key"),
        ('estimator = "best"', "estimator"),
        ("count = 0", "at least 1"),
        ("seed = -1", "0 or more"),
        ('[preprocessing]\nscaling = "0..255"', "scaling"),
        ('[preprocessing]\nscaling = "0..1"\nscale = 2.0', "got both"),
        ("[preprocessing]\nscal = 2.0", "did you mean 'scale'"),
    ],
)
def test_contradictions_name_the_key(tmp_path, change, said):
    path = tmp_path / "p.toml"
    path.write_text(f'schema = 1\nname = "p"\nsummary = "s"\nsource = "d.npz"\n{change}\n')
    with pytest.raises(OptionError) as caught:
        Profile.load(str(path))
    assert said in str(caught.value)
