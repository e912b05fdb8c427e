from __future__ import annotations

import random

import numpy as np
import pytest

from edgekit.errors import ArtifactError, DataError
from edgekit.runtimes import describe, open_runner, tensors

TINY = "mlperf_tiny_models"
RESNET = f"{TINY}/image_classification/trained_models/pretrainedResnet"
KWS = f"{TINY}/keyword_spotting/trained_models/kws_ref_model"


def samples_for(artifact, count, seed=0):
    rng = np.random.default_rng(seed)
    return {
        one.name: rng.normal(size=(count, *one.shape[1:])).astype(np.float32)
        for one in artifact.inputs
    }


def test_every_asset_is_described_and_runs_sample_by_sample(assets):
    paths = sorted(assets.rglob("*.tflite"))
    assert len(paths) > 20
    for path in paths:
        artifact = describe(path)
        runner = open_runner(artifact)
        inputs = samples_for(artifact, 3)
        together = runner.run(inputs)
        assert set(together) == {one.name for one in artifact.outputs}
        last = runner.run({name: array[2:] for name, array in inputs.items()})
        for name, array in together.items():
            assert array.dtype == np.float32
            assert array.shape[0] == 3
            assert np.array_equal(array[2], last[name][0]), path


def test_names_come_from_the_signature_or_lose_their_decoration(assets):
    signed = describe(assets / "mnist10k_lstm" / "trained_lstm_int8.tflite")
    assert [one.name for one in signed.inputs] == ["fixed_input"]
    assert [one.name for one in signed.outputs] == ["sequential"]
    assert signed.inputs[0].scale == pytest.approx(1 / 255)
    assert signed.inputs[0].zero_point == -128
    bare = describe(assets / TINY / "anomaly_detection" / "trained_models" / "ad01_fp32.tflite")
    assert [one.name for one in bare.inputs] == ["input_1"]
    assert bare.inputs[0].shape == (None, 640)
    assert bare.inputs[0].scale is None


def test_real_values_in_and_out_of_an_int8_file(assets):
    artifact = describe(assets / f"{KWS}.tflite")
    plain = describe(assets / f"{KWS}_float32.tflite")
    rng = np.random.default_rng(1)
    x = {"input_1": rng.uniform(-60, 20, (20, 49, 10, 1)).astype(np.float32)}
    int8, float_ = open_runner(artifact).run(x), open_runner(plain).run(x)
    assert np.abs(int8["Identity"] - float_["Identity"]).mean() < 0.05
    one = artifact.inputs[0]
    stored = np.clip(np.rint(x["input_1"] / one.scale) + one.zero_point, -128, 127)
    native = open_runner(artifact).run({"input_1": stored.astype(np.int8)}, native=True)
    assert np.array_equal(native["Identity"], int8["Identity"])


def test_recurrent_state_starts_anew_with_each_sample(assets):
    artifact = describe(assets / "mnist10k_lstm" / "trained_lstm.tflite")
    runner = open_runner(artifact)
    x = samples_for(artifact, 1)
    twice = {name: np.concatenate([array, array]) for name, array in x.items()}
    found = runner.run(twice)["sequential"]
    assert np.array_equal(found[0], found[1])


def test_tensors_by_name_agree_between_float_and_int8(assets):
    float_, int8 = (
        describe(assets / f"{RESNET}.tflite"),
        describe(assets / f"{RESNET}_quant.tflite"),
    )
    x = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    ours = tensors(float_, {"input_1": x})
    theirs = tensors(int8, {"input_1_int8": x})
    common = [name for name in ours if name in theirs]
    assert len(common) >= 10
    for name in common:
        error = np.abs(ours[name] - theirs[name]).mean()
        assert error <= 0.2 * np.abs(ours[name]).mean() + 1e-6, name
    final = open_runner(float_).run({"input_1": x})["Identity"]
    assert ours["Identity"] == pytest.approx(final, abs=1e-5)
    assert list(tensors(float_, {"input_1": x}, only=["Identity"])) == ["Identity"]


def test_prepare_then_invoke(assets):
    artifact = describe(assets / f"{KWS}.tflite")
    runner = open_runner(artifact, threads=2)
    with pytest.raises(ArtifactError, match="prepare"):
        runner.invoke()
    runner.prepare(samples_for(artifact, 1))
    runner.invoke()
    assert "ai-edge-litert" in runner.versions or "tflite-runtime" in runner.versions


def test_wrong_data_name_the_input(assets):
    runner = open_runner(describe(assets / f"{KWS}.tflite"))
    with pytest.raises(DataError, match="49, 10, 1"):
        runner.run({"input_1": np.zeros((2, 49, 10))})


def test_what_is_no_tflite_file_is_refused(tmp_path):
    for content in (b"", b"short", b"PK\x03\x04 something else", b"\x00" * 100):
        path = tmp_path / "model.tflite"
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match="TFL3"):
            describe(path)


def test_fuzzed_files_raise_what_they_should_or_run(assets, tmp_path):
    whole = (assets / f"{KWS}.tflite").read_bytes()
    refused = 0
    for seed in range(60):
        rng = random.Random(seed)
        content = bytearray(whole)
        if seed % 3 == 0:
            content = content[: rng.randrange(8, len(content))]
        for _ in range(rng.choice([1, 10, 100])):
            content[rng.randrange(8, len(content))] = rng.randrange(256)
        path = tmp_path / "model.tflite"
        path.write_bytes(content)
        try:
            found = describe(path)
            open_runner(found).run({s.name: np.zeros((1, *s.shape[1:])) for s in found.inputs})
        except (ArtifactError, DataError):
            refused += 1
    assert refused >= 20


def write_relu(path, shape, signature, kind=0):
    """Write a file of one RELU; ``signature`` has -1 for what may vary."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    def tensor(name):
        one = schema.TensorT()
        one.name, one.shape, one.shapeSignature, one.type = name, shape, signature, kind
        return one

    code, operator, graph, model = (
        schema.OperatorCodeT(), schema.OperatorT(), schema.SubGraphT(), schema.ModelT(),
    )  # fmt: skip
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RELU
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0], [1]
    graph.tensors, graph.inputs, graph.outputs = [tensor(b"x"), tensor(b"y")], [0], [1]
    graph.operators = [operator]
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [schema.BufferT()]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return describe(path)


def test_dimensions_that_vary_are_taken_from_the_data(tmp_path):
    artifact = write_relu(tmp_path / "r.tflite", [1, 1, 3], [-1, -1, 3])
    assert artifact.inputs[0].shape == (None, None, 3)
    runner = open_runner(artifact)
    for length in (5, 2, 7):
        x = np.random.default_rng(length).normal(size=(4, length, 3)).astype(np.float32)
        assert np.array_equal(runner.run({"x": x})["y"], np.maximum(x, 0))


def test_a_fixed_batch_of_several_is_filled_up(tmp_path):
    runner = open_runner(write_relu(tmp_path / "r.tflite", [4, 3], [4, 3]))
    x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    assert np.array_equal(runner.run({"x": x})["y"], np.maximum(x, 0))
    runner.prepare({"x": x[:1]})
    runner.invoke()


def test_a_path_may_hold_any_letters(tmp_path):
    folder = tmp_path / "mødel ü 模型"
    folder.mkdir()
    artifact = write_relu(folder / "r.tflite", [1, 3], [1, 3])
    assert open_runner(artifact).run({"x": -np.ones((1, 3))})["y"].max() == 0
