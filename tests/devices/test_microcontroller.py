"""Microcontrollers, against TensorFlow Lite Micro itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import runtimes
from edgekit.artifact import Artifact
from edgekit.devices import Device, DeviceMeasurement, Request, known_model, load_device
from edgekit.devices.declaration import Memory
from edgekit.devices.microcontroller import MicrocontrollerBackend
from edgekit.devices.microcontroller.ask import MICRO
from edgekit.errors import ArtifactError, DeviceError
from edgekit.formats import tflite

needs_micro = pytest.mark.skipif(
    bool(MICRO.missing()),
    reason="tflite-micro is not installed: edgekit devices install cortex-m4",
)
TINY = "mlperf_tiny_models"
TRAINED = {
    "kws": f"{TINY}/keyword_spotting/trained_models/kws_ref_model.tflite",
    "resnet8": f"{TINY}/image_classification/trained_models/pretrainedResnet_quant.tflite",
    "wake-word": f"{TINY}/streaming_wakeword/trained_models/str_ww_ref_model.tflite",
    "visual-wake-words": f"{TINY}/visual_wake_words/trained_models/vww_96_int8.tflite",
}


@pytest.fixture
def known(tmp_path: Path) -> Artifact:
    path = tmp_path / "known.tflite"
    path.write_bytes(known_model.content())
    return runtimes.describe(path)


def measured(artifact: Artifact, device: Device | None = None, **request: Any) -> DeviceMeasurement:
    board = device or load_device("cortex-m4")
    return MicrocontrollerBackend().measure(board, artifact, Request(**request))


def board(**memory: int) -> Device:
    return dataclasses.replace(load_device("cortex-m4"), name="mine", memory=Memory(**memory))


def fits(path: Path, arena_bytes: int, folder: Path) -> bool:
    done = MICRO.run("micro_probe:fits", str(path), str(arena_bytes), timeout_s=60, folder=folder)
    assert done.returncode in (0, 3), done.stderr
    return done.returncode == 0


def rewired(path: Path, change: Any) -> Artifact:
    """Write the known file with its parsed model changed."""
    model = tflite.parse(known_model.content())
    change(model)
    path.write_bytes(tflite.pack(model))
    return runtimes.describe(path)


def test_the_known_file_computes_what_it_says_here(known: Artifact) -> None:
    given = {known.inputs[0].name: known_model.samples()}
    found = runtimes.open_runner(known).run(given)[known.outputs[0].name]
    np.testing.assert_array_equal(found, known_model.expected())


@needs_micro
def test_the_known_file_is_checked() -> None:
    assert MicrocontrollerBackend().check(load_device("rp2040")) == []


@needs_micro
def test_a_wrong_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = known_model.expected()
    wrong[0, 0, 0, :2] += 1
    monkeypatch.setattr(known_model, "expected", lambda: wrong)
    said = MicrocontrollerBackend().check(load_device("rp2040"))
    assert said == [f"2 of {wrong.size} outputs of a known file are wrong"]


@needs_micro
@pytest.mark.parametrize("name", TRAINED)
def test_trained_models_get_their_exact_arena(name: str, assets: Path, tmp_path: Path) -> None:
    path = assets / TRAINED[name]
    artifact = runtimes.describe(path)
    found = measured(artifact)
    arena = int(found.facts["arena_bytes"])
    assert fits(path, arena, tmp_path)
    assert not fits(path, arena - 1, tmp_path)
    assert int(found.facts["arena_bytes at least"]) < arena
    assert found.memory.arena_kib == found.memory.ram_kib == arena / 1024
    assert found.agreement is not None
    assert found.agreement.identical_share == 1.0
    assert (found.latency, found.misfits, found.warnings) == (None, (), ())
    assert found.sha256 == artifact.sha256


@needs_micro
def test_a_different_rounding_is_told(assets: Path) -> None:
    path = assets / TINY / "anomaly_detection/trained_models/ad01_int8.tflite"
    found = measured(runtimes.describe(path))
    assert found.agreement is not None
    assert found.agreement.largest_steps == 2  # ten dense layers, one step each at most
    assert found.warnings[0].startswith("outputs are up to 2 steps from those of TFLite reference")
    assert "FULLY_CONNECTED are rounded twice" in found.warnings[0]


@needs_micro
def test_too_little_memory_is_a_misfit_with_figures(known: Artifact) -> None:
    found = measured(known, board(ram_kib=1, flash_kib=8))
    need = found.memory
    assert need.ram_kib is not None
    assert need.flash_kib is not None
    assert found.misfits == (
        f"needs {need.ram_kib:.1f} KiB of RAM, mine has 1 KiB",
        f"needs {need.flash_kib:.1f} KiB of flash, mine has 8 KiB",
    )
    assert "stm32f446" in found.facts["other boards with room"]


@needs_micro
def test_ram_counts_in_one_piece(known: Artifact) -> None:
    assert measured(known, board(ram_kib=64, flash_kib=64)).misfits == ()
    (said,) = measured(known, board(ram_kib=64, block_kib=1, flash_kib=64)).misfits
    assert said.endswith("of RAM, mine has 1 KiB in one piece (of 64 KiB)")


@needs_micro
def test_between_the_bounds_nothing_is_claimed(assets: Path) -> None:
    artifact = runtimes.describe(assets / TRAINED["visual-wake-words"])
    found = measured(artifact)
    arena, least = (int(found.facts[key]) for key in ("arena_bytes", "arena_bytes at least"))
    between = (arena + least) // 2048
    found = measured(artifact, board(ram_kib=between, flash_kib=1024))
    assert found.misfits == ()
    assert found.warnings[0].startswith("cannot tell whether the arena fits: it takes between")


@needs_micro
def test_operators_without_kernel_are_named_with_their_layers(tmp_path: Path) -> None:
    from ai_edge_litert import schema_py_generated as schema

    def change(model: Any) -> None:
        graph = model.subgraphs[0]
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.UNIQUE
        custom = schema.OperatorCodeT()
        custom.builtinCode = custom.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        custom.customCode = b"MyOwn"
        model.operatorCodes += [code, custom]
        for number in (1, 2):
            operator = schema.OperatorT()
            operator.opcodeIndex, operator.inputs = number, [0]
            operator.outputs = [len(graph.tensors)]
            tensor = schema.TensorT()
            tensor.name, tensor.type = f"layer_{number}/out", schema.TensorType.INT8
            tensor.shape, tensor.buffer = [1, 4], 0
            graph.tensors.append(tensor)
            graph.operators.append(operator)

    found = measured(rewired(tmp_path / "odd.tflite", change))
    unique, custom = found.misfits
    assert "no kernel for UNIQUE (layers layer_1/out)" in unique
    assert "as shipped has no kernel for MyOwn (layers layer_2/out)" in custom
    assert (found.memory.arena_kib, found.agreement) == (None, None)


@needs_micro
def test_dynamic_range_files_are_refused_with_advice(assets: Path) -> None:
    path = assets / TINY / "keyword_spotting/trained_models/kws_ref_model_float32.tflite"
    (said,) = measured(runtimes.describe(path)).misfits
    assert "CONV_2D of layer 'functional_1/conv2d' fails to prepare" in said
    assert "no dynamic-range kernels" in said
    assert said.endswith("use tflite-int8")


@needs_micro
def test_samples_of_the_user_are_run(known: Artifact) -> None:
    rows = known_model.samples()[:3]
    found = measured(known, samples={known.inputs[0].name: rows})
    assert found.agreement is not None
    assert (found.agreement.samples, found.agreement.identical_share) == (3, 1.0)


def test_other_formats_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(MICRO), "missing", lambda self: [])
    other = Artifact(path=tmp_path / "m.onnx", format="onnx", inputs=(), outputs=())
    with pytest.raises(ArtifactError, match=r"cortex-m4 takes TFLite files, got onnx; convert"):
        measured(other)


def test_without_the_runtime_it_says_how_to_get_it(
    known: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(MICRO), "missing", lambda self: [MICRO.main])
    with pytest.raises(DeviceError, match=r"tflite-micro"):
        measured(known)


@needs_micro
def test_damaged_files_are_errors_of_one_line(known: Artifact) -> None:
    known.path.write_bytes(known.path.read_bytes()[:200])
    with pytest.raises((ArtifactError, DeviceError)) as raised:
        measured(known)
    assert "\n" not in str(raised.value)
