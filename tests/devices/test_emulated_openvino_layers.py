"""Instructions of each layer of OpenVINO files, in the real emulator with the real runtime."""

from __future__ import annotations

import numpy as np
import pytest
from installed import ready

from edgekit import runtimes
from edgekit.devices import Request
from edgekit.devices.emulated import EmulatedBackend
from edgekit.devices.operators.ran import NOT_OF_THE_FILE

openvino = pytest.importorskip("openvino")

pytestmark = pytest.mark.slow

BOARDS = ["raspberry-pi-4", "x86-haswell"]


def constant(*shape):
    from openvino import opset13 as op

    values = np.random.default_rng(len(shape)).normal(size=shape) / shape[0]
    return op.constant(values.astype(np.float32))


def kept(model, folder):
    path = folder / "model.xml"
    openvino.serialize(model, str(path))
    return runtimes.describe(path)


def convolved(folder):
    """Return a file of a small and a large convolution, an activation, and a matrix."""
    from openvino import opset13 as op

    def convolution(read, to, name):
        weights, one = constant(to, read.shape[1], 3, 3), [1, 1]
        return op.convolution(read, weights, one, one, one, one, name=name)

    read = op.parameter([1, 3, 12, 12], np.float32, name="picture")
    made = op.relu(convolution(convolution(read, 8, "small\nconvolution"), 32, "large"), name="r")
    made = op.reduce_mean(made, op.constant(np.array([2, 3])), False, name="mean")
    made = op.softmax(op.matmul(made, constant(32, 5), False, False, name="fc"), 1, name="shares")
    return kept(openvino.Model([op.result(made)], [read], "convolved"), folder)


def looped(folder):
    """Return a file whose loop multiplies six times, and which multiplies once after it."""
    from openvino import opset13 as op

    read = op.parameter([1, 6, 64], np.float32, name="steps")
    step = op.parameter([1, 1, 64], np.float32)
    state = op.parameter([1, 64], np.float32)
    flat = op.reshape(step, op.constant(np.array([1, 64])), False)
    sums = op.add(op.matmul(flat, constant(64, 64), False, False), state)
    body = openvino.Model([op.result(op.tanh(sums))], [step, state], "body")
    loop = op.tensor_iterator()
    loop.set_friendly_name("loop")
    loop.set_body(body)
    loop.set_sliced_input(step, read.output(0), 0, 1, 1, 5, 1)
    start = op.constant(np.zeros((1, 64), np.float32))
    told = body.results[0].input_value(0)
    loop.set_merged_input(state, start.output(0), told)
    last = loop.get_iter_value(told, -1)
    made = op.softmax(op.matmul(last, constant(64, 64), False, False, name="fc"), 1, name="shares")
    return kept(openvino.Model([op.result(made)], [read], "looped"), folder)


def measured(device, artifact):
    found = EmulatedBackend().measure(device, artifact, Request())
    assert not any("told apart" in warning for warning in found.warnings)
    assert sum(one.instructions or 0 for one in found.operators) == found.counts.instructions
    return found


@pytest.mark.parametrize("board", BOARDS)
def test_each_layer_has_what_its_own_work_takes(board, tmp_path):
    found = measured(ready(board, "openvino"), convolved(tmp_path))
    rows = {one.layer: one for one in found.operators if one.index != NOT_OF_THE_FILE}
    small, large = (rows[name].instructions for name in ("small\nconvolution", "large"))
    assert small * 8 > 12 * 12 * 9 * 3 * 8  # at most eight products an instruction
    assert large * 8 > 12 * 12 * 9 * 8 * 32
    assert large > 1.5 * small
    assert rows["r"].instructions is None  # fused
    assert rows["r"].where == "cpu, not told apart"
    assert 0 < rows["fc"].instructions < small
    assert rows["shares"].instructions > 0
    *_, runtime = found.operators
    assert (runtime.index, runtime.kind) == (NOT_OF_THE_FILE, "runtime")
    assert runtime.instructions < found.counts.instructions / 2


@pytest.mark.parametrize("board", BOARDS)
def test_layers_of_a_loop_belong_to_the_loop(board, tmp_path):
    found = measured(ready(board, "openvino"), looped(tmp_path))
    rows = {one.layer: one.instructions for one in found.operators if one.instructions}
    assert rows["loop"] > 6 * 64 * 64 / 8
    assert rows["loop"] > 2 * rows["fc"]
    assert {"loop", "fc", "shares"} <= set(rows)


def test_an_emulator_that_gathers_wrongly_is_named(tmp_path):
    """The kernel of an LSTM gathers by vector register 4, where qemu 7.2 reads other addresses."""
    from openvino import opset13 as op

    def held(*shape):
        return op.constant(np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32))

    read = op.parameter([1, 12, 8], np.float32, name="sequence")
    nothing = op.constant(np.zeros((1, 1, 16), np.float32))
    sizes = (op.constant(np.array([12])), held(1, 64, 8), held(1, 64, 16), held(1, 64))
    made = op.lstm_sequence(read, nothing, nothing, *sizes, 16, "forward")
    artifact = kept(openvino.Model([op.result(made.output(0))], [read], "lstm"), tmp_path)
    found = EmulatedBackend().measure(ready("x86-haswell", "openvino"), artifact, Request())
    named = [line for line in found.warnings if "AVX2 gathers" in line]
    apart = [line for line in found.warnings if "computes differently" in line]
    assert len(named) == len(apart)  # both, or, in a later qemu, none


def test_layers_are_told_without_moving_the_counts(tmp_path):
    device, artifact = ready(BOARDS[0], "openvino"), convolved(tmp_path)
    plain = EmulatedBackend().measure(device, artifact, Request(operators=False))
    assert plain.operators == ()
    told = measured(device, artifact)
    assert plain.counts.instructions == told.counts.instructions
    assert plain.counts.classes == told.counts.classes
