"""Reports to render: a full one, a bare one, and one whose every name is hostile."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from edgekit.accuracy import Evaluation, LayerError, LayerErrors
from edgekit.accuracy.compare import Flips
from edgekit.artifact import TensorSpec
from edgekit.auditing import AuditResult
from edgekit.auditing.result import FloatIsland, Operator
from edgekit.bench import HostFacts, Measurement
from edgekit.calibrate.lint import Finding
from edgekit.devices.figures import Agreement
from edgekit.report.model import (
    ArtifactFacts,
    CalibrationFacts,
    Candidate,
    CompressionFacts,
    CSourceFacts,
    Latency,
    ModelFigures,
    PassFacts,
    Report,
    SourceFacts,
    Stage,
    TrainingFacts,
    Treatment,
)
from edgekit.source import Mend
from edgekit.target import Target

EVIL = "a|b`c<img src=x onerror=1>\n# d\x1b[2J[x](http://evil.example)~~*_e_*\\"
HOST = HostFacts(
    cpu="Test CPU @ 2.00GHz",
    machine="x86_64",
    cores=2,
    features=("avx2",),
    governor=None,
    load_before=0.5,
    load_after=None,
    os="Linux 6",
    python="3.11.9",
    versions={"ai-edge-litert": "2.3.0"},
)


def measured(*samples: float, memory: float = 40.0) -> Measurement:
    return Measurement(
        samples_ms=samples,
        warmup_ms=(1.5,),
        load_ms=3.25,
        threads=1,
        memory_before_mib=30.0,
        peak_memory_mib=memory,
        host=HOST,
        notes=("busy machine: p90 is 1.6x the median",),
    )


def an_audit(name: str) -> AuditResult:
    image = TensorSpec(name=name, shape=(1, 32, 32, 3), dtype="int8", scale=0.0078, zero_point=-1)
    scores = TensorSpec(name="probs", shape=(None, 10), dtype="int8", scale=0.0039, zero_point=-128)
    operators = (
        Operator(index=0, kind="CONV_2D", layer=name, precision="int8", numbers="integer",
                 macs=442368, weights="int8", per_channel=True, inputs=("x",), outputs=("y",)),
        Operator(index=1, kind="SOFTMAX", layer="probs", precision="float32", numbers="float",
                 macs=0, weights=None, per_channel=None, inputs=("y",), outputs=("z",),
                 why="no int8 kernel"),
    )  # fmt: skip
    return AuditResult(
        path="model.tflite",
        format="tflite",
        inputs=(image,),
        outputs=(scores,),
        operators=operators,
        flex=(),
        custom=(name,),
        per_channel=1,
        per_tensor=0,
        weight_bytes=90000,
        activation_bytes=65536,
        peak_activation_bytes=32768,
        macs=442368,
        integer_mac_share=1.0,
        integer_op_share=0.5,
        integer_weight_share=0.99,
        float_islands=(
            FloatIsland(operators=("SOFTMAX",), layers=(name,), why="no kernel", indices=(1,)),
        ),
        file_bytes=99936,
        gzip_bytes=81234,
    )


def figures(parameters: int, sparsity: float) -> ModelFigures:
    return ModelFigures(
        parameters=parameters, macs=12_501_632, sparsity=sparsity, weight_bytes=4 * parameters,
        compressed_bytes=int(3.6 * parameters * (1 - sparsity)),
        zeros={"conv/kernel": sparsity}, values={"conv/kernel": 432},
    )  # fmt: skip


def a_report(name: str = "conv2d/1", target: str = "tflite-int8") -> Report:
    audit = an_audit(name)
    return Report(
        edgekit="0.1.0",
        source=SourceFacts(
            name="resnet8", sha256="ab" * 32, origin=f"models/{name}.h5", kind="h5",
            parameters=78666, size_bytes=402816, inputs=audit.inputs, outputs=audit.outputs,
            mends=(Mend(what="DepthwiseConv2D groups", where=name, how="left out"),),
        ),
        target=Target.load(target),
        options={"seed": 0, "calibration": name, name: [1, 2.5, None, True]},
        artifact=ArtifactFacts(
            files={"model.tflite": 99936}, sha256="cd" * 32, size_bytes=99936,
            float_size_bytes=320512, inputs=audit.inputs, outputs=audit.outputs,
        ),
        c_source=CSourceFacts(
            files={"resnet8_model.h": 1443, "resnet8_model.c": 599669}, arena_bytes=55936,
            arena_bytes_least=54016, tensor_bytes=52096,
            agreement=Agreement(samples=4, identical_share=0.75, largest_steps=1,
                                largest_difference=0.00390625, same_top1_share=1.0,
                                reference=f"kernels of {name}"),
        ),
        audit=audit,
        parity_sqnr_db=31.25,
        parity_samples="50 held-back calibration samples",
        calibration=CalibrationFacts(
            origin=name, samples=150, held_back=50, estimator="auto", seed=0,
            findings=(Finding(code="too-few-samples", severity="warning", text=f"few: {name}"),),
        ),
        candidates=(
            Candidate(name="converter, mse", quantizer="tflite-converter", estimator="mse",
                      bias_correction=True, sqnr_db=31.25, scores_db=29.5, agreement=0.98,
                      chosen=True),
            Candidate(name="litert, min-max", quantizer="litert", estimator="min-max",
                      bias_correction=False, sqnr_db=-math.inf, problem=f"collapsed at {name}"),
        ),
        treatments=(Treatment(layer=name, done="bias moved by 0.02"),
                    Treatment(layer="dense", skipped="it has no constant bias")),
        compression=CompressionFacts(
            recipe=name, description=f"half of {name}", before=figures(78666, 0.0),
            after=figures(78666, 0.5), task="categorical_crossentropy (guessed)",
        ),
        passes=(
            PassFacts(
                name="qat", options={"skip": [name], "bits": None}, seconds=61.5,
                treatments=(Treatment(layer=name, done="8 bits", by="qat"),
                            Treatment(layer="lstm", skipped=f"no {name}", by="qat")),
                figures={"simulated_layers": 9.0, "loss": math.inf},
                trainings=(
                    TrainingFacts(label=name, epochs=2, best_epoch=1,
                                  history={"loss": (0.5, 0.25), "val_loss": (0.5, math.nan)}),
                ),
            ),
        ),
        evaluation=Evaluation(
            metric="top1", output="probs", samples=500, source_score=0.872, artifact_score=0.868,
            drop_pp=0.4, drop_low_pp=-0.61, drop_high_pp=1.4, p_value=0.6, method="paired answers",
            agreement=0.976, sqnr_db={"probs": 28.5, name: math.inf}, sqnr_db_min=28.5,
            max_abs_error=0.09, flips=Flips(to_wrong=7, to_right=5, to_wrong_samples=(1, 2)),
        ),
        evaluation_data="test.npz",
        layers=LayerErrors(
            layers=(
                LayerError(name=name, position=0, rank=2, sqnr_db=40.0, added_noise=1e-4,
                           max_abs_error=0.1),
                LayerError(name="dense", position=1, rank=1, sqnr_db=28.0, added_noise=1.5e-3,
                           max_abs_error=0.5),
            ),
            skipped=((name, "shapes differ"),),
        ),
        latency=Latency(
            artifact=measured(0.44, 0.45, 0.47, 0.9),
            float_baseline=measured(0.31, 0.32, 0.33, 0.34, memory=41.5),
            warning="int8 is slower than float here: 0.46 ms against 0.325 ms (1.4x), 1 thread",
        ),
        broken_promises=(f"Every operator computes in integers: SOFTMAX ({name})",),
        missed_budgets=(),
        warnings=(f"something about {name}",),
        stages=(Stage(name="load", seconds=1.25), Stage(name="trace", seconds=0.01, cached=True)),
        tools={"keras": "3.15.1", "tensorflow": "2.21.0"},
        command=f"edgekit convert {name} --target tflite-int8",
    )  # fmt: skip


@pytest.fixture
def full_report() -> Report:
    return a_report()


@pytest.fixture
def hostile_report() -> Report:
    return a_report(EVIL)


@pytest.fixture
def bare_report() -> Report:
    """Return a report without anything optional, of a file that equals its source."""
    full = a_report()
    return Report(
        edgekit=full.edgekit, source=dataclasses.replace(full.source, mends=(), size_bytes=None),
        target=Target.load("onnx-fp32"), options={}, artifact=full.artifact,
        audit=dataclasses.replace(full.audit, float_islands=(), operators=()),
        parity_sqnr_db=math.inf, parity_samples="8 seeded random inputs",
    )  # fmt: skip


@pytest.fixture
def evolve() -> Any:
    """Return ``dataclasses.replace``."""
    return dataclasses.replace
