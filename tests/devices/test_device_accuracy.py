"""Files scored on devices, beside this host on the same samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from installed import ready

import edgekit
from edgekit import runtimes
from edgekit.accuracy import evaluate, metric
from edgekit.artifact import Artifact
from edgekit.cli import main
from edgekit.devices import Device, backend_of, kinds
from edgekit.devices.accuracy import accuracy
from edgekit.devices.backend import Always, Computes
from edgekit.devices.emulated import probe
from edgekit.devices.fake import FakeBackend
from edgekit.errors import DataError, DeviceError, OptionError, UnknownName
from edgekit.measuring import scoring
from edgekit.measuring.scoring import at_once

CLASSES = probe.WIDTH
FAST = {"warmup": 0, "min_runs": 1, "min_seconds": 0.0}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An int8 layer whose first class is the place of the largest input, from the end."""
    path = tmp_path / "probe.tflite"
    probe.make(path)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """300 samples, of which one in ten is labelled wrongly; a third are of one class."""
    rng = np.random.default_rng(0)
    true = np.where(np.arange(300) % 3 == 0, 5, rng.integers(0, CLASSES, 300))
    x = rng.uniform(-60, 40, (300, CLASSES)).astype(np.float32)
    x[np.arange(300), CLASSES - 1 - true] = 63.0
    path = tmp_path / "data.npz"
    np.savez(path, x=x, y=np.where(np.arange(300) % 10 == 1, (true + 7) % CLASSES, true))
    return path


def fake(**script: object) -> Device:
    return Device(name="pretended", kind="fake", description="for a test", script=script)


def scored(file: Path, device: str | Device, data: Path, **more: Any) -> Any:
    given = {"metric": "top1", **FAST, **more}
    (found,) = edgekit.benchmark(file, device, evaluate=data, **given).measurements
    return found.accuracy


def test_this_host_scores_what_it_scores(file: Path, data: Path) -> None:
    found = scored(file, "host", data)
    assert (found.metric, found.samples, found.available) == ("top1", 300, 300)
    assert found.device_score == found.host_score == pytest.approx(0.9)
    assert (found.drop_pp, found.other_answers, found.other_outputs) == (0.0, 0, 0)
    assert found.drop_low_pp < 0 < found.drop_high_pp
    assert found.host.startswith("ai-edge-litert ")
    assert found.data == str(data)


def test_what_a_device_gets_wrong_is_counted_and_lowers_its_score(file: Path, data: Path) -> None:
    found = scored(file, fake(wrong_samples=50), data)
    right = 50 - 5  # of the first fifty, one in ten was wrong before
    assert found.host_score - found.device_score == pytest.approx(right / 300)
    assert found.drop_pp == pytest.approx(100 * (found.host_score - found.device_score))
    assert (found.other_answers, found.other_outputs) == (50, 50)
    assert 0 < found.drop_low_pp < found.drop_pp < found.drop_high_pp
    assert found.p_value < 0.01


def test_figures_are_those_of_a_paired_evaluation() -> None:
    rng = np.random.default_rng(1)
    ours, theirs = ({"y": rng.random((40, 3)).astype(np.float32)} for _ in range(2))
    labels = rng.integers(0, 3, 40)
    whole = evaluate(theirs, ours, labels, metric("top1"))
    found = accuracy(
        ours, theirs, labels, metric("top1"), output=None, data="d", available=40, host="h"
    )
    assert found.drop_pp == whole.drop_pp
    assert (found.drop_low_pp, found.drop_high_pp) == (whole.drop_low_pp, whole.drop_high_pp)
    assert found.other_answers == np.sum(ours["y"].argmax(1) != theirs["y"].argmax(1))
    assert found.other_outputs == 40


def test_outputs_of_another_shape_are_the_devices_fault() -> None:
    ours, theirs = {"y": np.zeros((4, 3), np.float32)}, {"y": np.zeros((4, 2), np.float32)}
    with pytest.raises(DeviceError, match=r"'y': expected shape \[4, 2\] from the device"):
        accuracy(ours, theirs, None, None, output=None, data="d", available=4, host="h")


def test_a_number_of_samples_is_chosen_by_class(
    file: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []
    real = FakeBackend.outputs

    def watched(self: FakeBackend, device: Device, artifact: Artifact, samples: Any) -> Any:
        seen.append(CLASSES - 1 - samples["in"].argmax(axis=1))
        return real(self, device, artifact, samples)

    monkeypatch.setattr(FakeBackend, "outputs", watched)
    found = scored(file, fake(), data, evaluate_samples=60)
    assert (found.samples, found.available) == (60, 300)
    classes = np.concatenate(seen)
    assert len(classes) == 60
    assert 15 <= np.sum(classes == 5) <= 25


def test_devices_in_software_are_given_200_samples(
    file: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "NATURES", {"fake": kinds.NATURES["firmware"]})
    assert scored(file, fake(), data).samples == 200
    assert scored(file, fake(), data, evaluate_samples=250).samples == 250


def test_a_device_is_given_few_samples_at_once(
    file: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "_BYTES", 4 * 2 * CLASSES * 7)
    assert at_once(runtimes.describe(file)) == 7
    sizes: list[int] = []
    real = FakeBackend.outputs

    def watched(self: FakeBackend, device: Device, artifact: Artifact, samples: Any) -> Any:
        sizes.append(len(samples["in"]))
        return real(self, device, artifact, samples)

    monkeypatch.setattr(FakeBackend, "outputs", watched)
    whole = scored(file, fake(), data)
    assert (sizes, whole.samples) == ([7] * 42 + [6], 300)
    assert whole.other_outputs == 0


def test_without_a_metric_it_is_counted_what_differs(file: Path, data: Path) -> None:
    found = scored(file, fake(wrong_samples=3), data, metric=None)
    assert (found.metric, found.device_score, found.drop_pp) == (None, None, None)
    assert found.other_outputs == 3


def test_a_device_that_hands_out_nothing_is_told(
    file: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bare(Always):
        measure = FakeBackend.measure

    monkeypatch.setattr("edgekit.benchmarking.backend_of", lambda device: Bare())
    (found,) = edgekit.benchmark(file, fake(), evaluate=data, metric="top1").measurements
    assert found.accuracy is None
    assert "not evaluated: devices of kind fake do not hand out" in " ".join(found.warnings)


def test_a_device_that_fails_at_it_keeps_its_other_figures(
    file: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise DeviceError("pretended: lost")

    monkeypatch.setattr(FakeBackend, "outputs", lost)
    with pytest.raises(DeviceError, match="accuracy: pretended: lost") as caught:
        edgekit.benchmark(file, fake(), evaluate=data, metric="top1")
    (found,) = caught.value.benchmark.measurements
    assert (found.accuracy, found.latency is None) == (None, False)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"metric": "top1"}, OptionError, "metric needs evaluate"),
        ({"evaluate_samples": 3}, OptionError, "evaluate_samples needs evaluate"),
        ({"evaluate": "{data}", "metric": "top7"}, UnknownName, "no metric 'top7'"),
        ({"evaluate": "{data}", "evaluate_samples": -1}, OptionError, "at least 1, got -1"),
        ({"evaluate": "{bare}", "metric": "top1"}, DataError, "needs labels"),
        ({"evaluate": "gone.npz", "metric": "top1"}, DataError, "no such file"),
    ],
)
def test_what_cannot_be_scored_is_told_before_anything_runs(
    file: Path, data: Path, tmp_path: Path, given: dict[str, Any], error: type, text: str
) -> None:
    bare, journal = tmp_path / "bare.npz", tmp_path / "journal"
    np.savez(bare, x=np.zeros((3, CLASSES), np.float32))
    spelled = {
        key: value.format(data=data, bare=bare) if isinstance(value, str) else value
        for key, value in given.items()
    }
    with pytest.raises(error, match=text):
        edgekit.benchmark(file, fake(outcomes=["ok"], journal=str(journal)), **spelled)
    assert not journal.exists()


def test_samples_for_comparing_are_real_values_too(file: Path, data: Path) -> None:
    (found,) = edgekit.benchmark(file, "host", data=data, **FAST).measurements
    assert found.latency is not None


def test_the_command_shows_it_and_the_document_keeps_to_its_schema(
    file: Path, data: Path, tmp_path: Path
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    own = tmp_path / "mine.toml"
    own.write_text(
        'schema = 1\nname = "mine"\nkind = "fake"\ndescription = "x"\n'
        "script = { wrong_samples = 90 }\n"
    )
    arguments = ["bench", str(file), "-d", str(own), "--evaluate", str(data), "--metric", "top1"]
    done = CliRunner().invoke(main, [*arguments, "-q", "--evaluate-samples", "150"])
    assert done.exit_code == 0, done.output
    assert "answers 90 of 150" in done.output
    assert "evaluated on 150 samples of 300" in " ".join(done.output.split())
    assert "top1 is worse there than on this host by" in " ".join(done.output.split())
    assert max(map(len, done.output.splitlines())) <= 80
    plain = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).output)
    schema = json.loads(CliRunner().invoke(main, ["schema", "benchmark"]).output)
    jsonschema.validate(plain, schema)
    assert plain["measurements"][0]["accuracy"]["other_answers"] == 90


@pytest.mark.parametrize("name", ["host", "raspberry-pi-4", "x86-haswell", "cortex-m4", "fake"])
def test_devices_hand_out_what_they_compute(name: str, file: Path) -> None:
    device = ready(name)
    backend = backend_of(device)
    assert isinstance(backend, Computes)
    rows = np.random.default_rng(0).integers(-127, 128, (70, CLASSES)) * probe.SCALE
    found = backend.outputs(device, runtimes.describe(file), {"in": rows.astype(np.float32)})
    np.testing.assert_array_equal(found["out"], rows[:, ::-1])


@pytest.mark.parametrize("name", ["armv7", "cortex-m4"])
def test_a_file_of_another_format_is_refused(name: str, file: Path) -> None:
    from dataclasses import replace

    from edgekit.errors import ArtifactError

    device = ready(name)
    backend = backend_of(device)
    assert isinstance(backend, Computes)
    other = replace(runtimes.describe(file), format="onnx")
    with pytest.raises(ArtifactError, match=r"takes (TFLite|tflite) files, got onnx"):
        backend.outputs(device, other, {"in": np.zeros((1, CLASSES), np.float32)})
