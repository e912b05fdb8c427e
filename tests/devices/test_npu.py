"""NPUs, against Vela itself."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit import catalog, runtimes
from edgekit.artifact import Artifact
from edgekit.auditing import audit
from edgekit.devices import Device, DeviceMeasurement, Request, known_model, load_device
from edgekit.devices.declaration import Accelerator, Memory
from edgekit.devices.npu import NpuBackend
from edgekit.devices.npu.compile import VELA
from edgekit.devices.npu.tables import read
from edgekit.errors import ArtifactError, DeviceError, OptionError

needs_vela = pytest.mark.skipif(
    bool(VELA.missing()),
    reason="ethos-u-vela is not installed: edgekit devices install ethos-u55-128",
)
NPUS = [name for name in catalog.names("devicefarm") if name.startswith("ethos-")]
TINY = "mlperf_tiny_models"
VWW = f"{TINY}/visual_wake_words/trained_models/vww_96_int8.tflite"
FLOAT = f"{TINY}/anomaly_detection/trained_models/ad01_fp32.tflite"
MIXED = "mltk_models/keyword_spotting/keyword_spotting.tflite"
LSTM = "mnist10k_lstm/trained_lstm.tflite"


@pytest.fixture
def known(tmp_path: Path) -> Artifact:
    path = tmp_path / "known.tflite"
    path.write_bytes(known_model.content())
    return runtimes.describe(path)


def measured(artifact: Artifact, device: Device | None = None) -> DeviceMeasurement:
    return NpuBackend().measure(device or load_device("ethos-u55-128"), artifact, Request())


@needs_vela
@pytest.mark.parametrize("name", NPUS)
def test_every_shipped_npu_compiles_the_known_file(name: str) -> None:
    assert NpuBackend().check(load_device(name)) == []


@needs_vela
def test_a_convolution_cannot_be_faster_than_its_multipliers(known: Artifact) -> None:
    found = measured(known)
    assert found.npu_share == 1.0
    assert found.cycles is not None
    assert found.cycles >= known_model.MACS / 128
    (only,) = found.operators
    assert (only.where, only.cycles, only.layer) == ("npu", found.cycles, "output")


@needs_vela
def test_a_trained_model_is_placed_layer_by_layer(assets: Path) -> None:
    artifact = runtimes.describe(assets / VWW)
    digest = artifact.sha256
    found = measured(artifact)
    assert found.latency is not None
    assert found.cycles is not None
    audited = audit(assets / VWW, packed=False).operators
    assert [one.layer for one in found.operators] == [one.layer for one in audited]
    assert sum(one.cycles or 0 for one in found.operators) == found.cycles
    clock_hz = float(found.facts["clock_mhz"]) * 1e6
    assert found.latency.ms == pytest.approx(found.cycles / clock_hz * 1e3)
    assert (found.latency.low_ms, found.latency.high_ms) == (None, None)
    assert set(found.bases.values()) == {"estimated"}
    assert {one.where for one in found.operators if one.kind == "RESHAPE"} == {"none"}
    assert (found.npu_share, found.warnings, found.misfits) == (1.0, (), ())
    assert artifact.sha256 == digest
    assert measured(artifact) == found


@needs_vela
def test_more_multipliers_take_fewer_cycles(assets: Path) -> None:
    artifact = runtimes.describe(assets / VWW)
    cycles = [measured(artifact, load_device(f"ethos-u55-{n}")).cycles for n in (32, 64, 128, 256)]
    assert all(cycles)
    assert cycles == sorted(cycles, key=lambda one: -(one or 0))
    assert cycles[0] != cycles[-1]


@needs_vela
def test_float_files_stay_on_the_cpu_and_get_no_latency(assets: Path) -> None:
    found = measured(runtimes.describe(assets / FLOAT))
    assert (found.npu_share, found.latency, found.cycles) == (0.0, None, None)
    assert {one.where for one in found.operators} == {"cpu"}
    assert {one.cycles for one in found.operators} == {None}
    (said,) = found.warnings
    assert said.startswith("nothing runs on the NPU: the file computes in float32;")
    assert said.endswith("convert the model for the target tflite-int8")
    assert found.memory.ram_kib is None


@needs_vela
def test_what_stays_on_the_cpu_is_named(assets: Path) -> None:
    found = measured(runtimes.describe(assets / MIXED))
    away = [one.kind for one in found.operators if one.where == "cpu"]
    assert away == ["QUANTIZE", "DEQUANTIZE"]
    assert found.npu_share == 1.0  # of multiply-accumulates
    assert found.facts["operators on the NPU"] == "12 of 14, 1 merged or left out"
    assert "2 of 15 operators stay on the CPU" in found.warnings[0]


@needs_vela
def test_a_refusal_of_the_compiler_is_a_misfit_of_one_line(assets: Path) -> None:
    (said,) = measured(runtimes.describe(assets / LSTM)).misfits
    assert said.startswith("ethos-u-vela cannot compile the file:")
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in said
    assert "\n" not in said


@needs_vela
def test_limits_of_a_system_are_kept(assets: Path) -> None:
    small = dataclasses.replace(
        load_device("ethos-u55-128"), name="mine", memory=Memory(ram_kib=64, flash_kib=64)
    )
    ram, flash = measured(runtimes.describe(assets / VWW), small).misfits
    assert ram.endswith("KiB of RAM, mine has 64 KiB")
    assert flash.endswith("KiB of flash, mine has 64 KiB")


@needs_vela
def test_an_unknown_accelerator_is_an_error_of_the_compiler(known: Artifact) -> None:
    odd = dataclasses.replace(
        load_device("ethos-u55-128"), accelerator=Accelerator(config="ethos-u99-1")
    )
    with pytest.raises(DeviceError, match="ethos-u99-1") as raised:
        measured(known, odd)
    assert "\n" not in str(raised.value)


def test_an_npu_needs_an_accelerator(known: Artifact) -> None:
    with pytest.raises(OptionError, match=r"needs \[accelerator\]"):
        measured(known, dataclasses.replace(load_device("ethos-u55-128"), accelerator=None))


def test_other_formats_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(VELA), "missing", lambda self: [])
    other = Artifact(path=tmp_path / "m.onnx", format="onnx", inputs=(), outputs=())
    with pytest.raises(ArtifactError, match=r"ethos-u55-128 takes TFLite files, got onnx"):
        measured(other)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what Vela itself writes about the known file."""
    if VELA.missing():
        pytest.skip("ethos-u-vela is not installed: edgekit devices install ethos-u55-128")
    folder = tmp_path_factory.mktemp("vela")
    (folder / "model.tflite").write_bytes(known_model.content())
    arguments = ["model.tflite", "--output-dir", "out", "--verbose-performance"]
    done = VELA.run(
        "edgekit.devices.npu.worker:main", *arguments, "--enable-debug-db",
        timeout_s=60, folder=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "out"


def without_column(text: str) -> str:
    return text.replace("cycles_total", "cycles")


def other_cycles(text: str) -> str:
    head, row = text.splitlines()[:2]
    names, values = head.split(","), row.split(",")
    values[names.index("cycles_total")] = "1"
    return f"{head}\n{','.join(values)}\n"


def twice(text: str) -> str:
    return text + text.splitlines()[-1] + "\n"


def elsewhere(text: str) -> str:
    return text.replace(",NPU,", ",GPU,")


@pytest.mark.parametrize(
    ("pattern", "change", "told"),
    [
        ("*summary*", without_column, "KeyError: 'cycles_total'"),
        ("*summary*", other_cycles, "do not add up to 1"),
        ("*summary*", twice, "found 2"),
        ("*per-layer*", twice, "different operations"),
        ("*per-layer*", elsewhere, "GPU"),
        ("*debug*", lambda text: text[:300], "ParseError"),
        ("*debug*", lambda text: text.replace('"perf"', '"other"'), "KeyError: 'perf'"),
    ],
)
def test_tables_are_read_strictly(
    tables: Path, tmp_path: Path, pattern: str, change: Callable[[str], str], told: str
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(tables, folder)
    assert read(folder).macs == known_model.MACS
    (path,) = folder.glob(pattern)
    path.write_text(change(path.read_text()))
    with pytest.raises(DeviceError, match=r"that version 5\.2 writes") as raised:
        read(folder)
    assert told in str(raised.value)
