"""Whatever a board answers: figures, or one line; and never more memory than is allowed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit import runtimes
from edgekit.devices import Device, Request, known_model
from edgekit.devices.declaration import Address
from edgekit.devices.figures import DeviceMeasurement
from edgekit.devices.remote import board, frames
from edgekit.devices.remote.frames import Frames, tail
from edgekit.devices.remote.talk import Line, Opened
from edgekit.errors import ArtifactError, DeviceError
from edgekit.report.devices import Benchmark
from edgekit.report.plain import to_plain
from edgekit.report.terminal.devices import summary

DEVICE = Device(name="board", kind="ssh", description="pretended", address=Address(host="x"))
READY = {"ready": {"python": "3.11"}}


class Pieces:
    """A reader that gives bytes in pieces, and counts what was taken; ``endless`` never ends."""

    def __init__(self, content: bytes, *, piece: int = 7000, endless: bool = False) -> None:
        self.rest, self.piece, self.endless, self.taken = content, piece, endless, 0

    async def read(self, n: int = -1) -> bytes:
        await asyncio.sleep(0)
        size = min(n, self.piece)
        given, self.rest = self.rest[:size], self.rest[size:]
        if not given and self.endless:
            given = b"x" * size
        self.taken += len(given)
        return given


class Sink:
    def write(self, data: bytes) -> None: ...
    async def drain(self) -> None: ...
    def write_eof(self) -> None: ...


def says(out: Pieces, err: Pieces | None = None, code: int | None = 1) -> Opened:
    """A board that prints this, whatever it is told."""

    @contextlib.asynccontextmanager
    async def opened(device: Device) -> AsyncIterator[Line]:
        async def ended() -> int | None:
            return code

        yield Line(stdin=Sink(), stdout=out, stderr=err or Pieces(b""), ended=ended)

    return opened


def framed(*messages: Any) -> bytes:
    bodies = [m if isinstance(m, bytes) else json.dumps(m).encode() for m in messages]
    return b"".join(b"EDGEKIT %d\n%s" % (len(body), body) for body in bodies)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / "known.tflite"
    path.write_bytes(known_model.content())
    return path


def measured(file: Path, out: bytes | Pieces, **more: Any) -> DeviceMeasurement:
    reader = out if isinstance(out, Pieces) else Pieces(out)
    artifact = runtimes.describe(file)
    samples = {artifact.inputs[0].name: known_model.samples()[:2]}
    request = Request(warmup=0, min_runs=1, min_seconds=0.0, samples=samples)
    return board.measure_on(DEVICE, artifact, request, says(reader, **more))


def right(**changed: Any) -> dict[str, Any]:
    """What a board answers that computes the known file rightly, and what is changed of it."""
    stored = np.rint(known_model.expected()[:2] / 8).astype(np.int8)
    outputs = [[raw(one[None])] for one in stored]
    run = {
        "runtime": "ai-edge-litert", "version": "2", "settings": "", "load_ms": 1.0,
        "warmup_ms": [], "samples_ms": [1.0, 1.1], "memory_before_kib": 1, "peak_kib": 2,
        "outputs": outputs,
    }  # fmt: skip
    return {"runtimes": {}, "facts": {}, "before": {}, "after": {}, "run": run | changed}


def raw(array: Any, **changed: Any) -> dict[str, Any]:
    data = base64.b64encode(array.tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data} | changed


def test_the_right_answer_is_taken(file: Path) -> None:
    found = measured(file, b"Welcome!\n" + framed(READY, right()))
    assert found.agreement is not None
    assert (found.agreement.identical_share, found.warnings) == (1.0, ())


@pytest.mark.parametrize(
    "heading",
    [b"EDGEKIT x\n", b"EDGEKIT \n", b"EDGEKIT\n", b"EDGEKIT -5\n", b"EDGEKIT 1e3\n",
     b"EDGEKIT 99999999999\n", b"EDGEKIT 999999999999999999999999\n", b"EDGEKIT \xff\xfe\n",
     "EDGEKIT \N{ARABIC-INDIC DIGIT FIVE}\n".encode()],
)  # fmt: skip
def test_a_heading_that_is_none_is_one_line(file: Path, heading: bytes) -> None:
    with pytest.raises(DeviceError, match="board: expected a message of at most 256 MiB") as told:
        measured(file, heading + b"rest")
    assert str(told.value).isprintable()


@pytest.mark.parametrize(
    "changed",
    [
        {"samples_ms": []},
        {"samples_ms": [-1.0]},
        {"samples_ms": [None]},
        {"samples_ms": "1"},
        {"load_ms": -1},
        {"peak_kib": 1e300},
        {"runtime": "x" * 300},
        {"outputs": []},
        {"outputs": [[]]},
        {"outputs": [[raw(np.zeros((1, 4, 4, 16), np.int8))]] * 3},
        {"outputs": [[raw(np.zeros((1, 4, 4, 15), np.int8))]] * 2},
        {"outputs": [[raw(np.zeros((16, 4, 4), np.int8))]] * 2},
        {"outputs": [[raw(np.zeros(256, np.int8), shape=[-1])]] * 2},
        {"outputs": [[raw(np.zeros(256, np.int8), shape=[2**62, 4])]] * 2},
        {"outputs": [[raw(np.zeros((1, 4, 4, 16), np.int8), dtype="O")]] * 2},
        {"outputs": [[raw(np.zeros((1, 4, 4, 16), np.int8), dtype="datetime64[s]")]] * 2},
        {"outputs": [[raw(np.zeros((1, 4, 4, 16), np.float32))]] * 2},
        {"outputs": [[raw(np.zeros((1, 4, 4, 16), np.int8), data="%%%")]] * 2},
    ],
)
def test_a_run_that_cannot_be_is_one_line(file: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(DeviceError, match=r"^board: ") as told:
        measured(file, framed(READY, right(**changed)))
    assert str(told.value).isprintable()


@pytest.mark.parametrize(
    "answer",
    [b"", b"{", b"[]", b"NaN", b"\xff\xfe", b"[" * 100_000, b'{"run":' * 5000,
     b'{"x":' * 100_000, b'{"error": {"kind": "x", "text": 3}}',
     b'{"facts": {"cores": 0}}', b'{"after": {"load": 1e999}}',
     b'{"after": {"temperatures": {"cpu": NaN}}}'],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_is_one_line(file: Path, answer: bytes) -> None:
    with pytest.raises(DeviceError, match="gave no answer that can be read") as told:
        measured(file, framed(READY, answer))
    assert str(told.value).isprintable()


def test_what_a_board_prints_without_end_is_cut_off(file: Path) -> None:
    for out in (Pieces(b"", endless=True), Pieces(b"noise\n" * 10**6)):
        with pytest.raises(DeviceError, match="expected an answer of our agent within"):
            measured(file, out)
        assert out.taken < 2 * frames.MOST_NOISE


def test_of_endless_complaints_the_last_ones_are_held() -> None:
    reader = Pieces(b"x" * 10**7 + b"the end")
    assert asyncio.run(tail(reader, most_bytes=1000)) == b"x" * 993 + b"the end"


def test_a_message_may_come_in_pieces_behind_a_long_banner() -> None:
    async def whole() -> list[bytes | None]:
        content = b"=" * 200_000 + b"\n" + framed(b"one", b"") + b"\n" + framed(b"two")
        messages = Frames(Pieces(content, piece=3000))
        return [await messages.next() for _ in range(4)]

    assert asyncio.run(whole()) == [b"one", b"", b"two", None]


def test_outputs_that_are_no_numbers_are_doubted() -> None:
    from edgekit.artifact import Artifact, TensorSpec
    from edgekit.devices.agreement import agreement
    from edgekit.devices.doubt import warnings_of

    spec = TensorSpec(name="y", shape=(1, 2), dtype="float32")
    artifact = Artifact(path=Path("m.tflite"), format="tflite", inputs=(spec,), outputs=(spec,))
    ours, theirs = ({"y": np.array([row], np.float32)} for row in ([np.nan, 1.0], [2.0, 1.0]))
    found = agreement(artifact, ours, theirs, against="here")
    assert (found.largest_difference, found.identical_share) == (np.inf, 0.5)
    assert "y is not finite there" in " ".join(warnings_of(artifact, found, ours, theirs))


def doubling(folder: Path) -> Path:
    """y = x + x, in float."""
    from ai_edge_litert import schema_py_generated as schema

    from edgekit.formats import tflite, tflite_edit

    options = schema.AddOptionsT()
    model = tflite_edit.blank()
    graph = model.subgraphs[0]
    given, made = (tflite_edit.tensor(model, name, (1, 4), "float32") for name in "xy")
    graph.operators = [tflite_edit.operator(model, "ADD", [given, given], [made], options)]
    graph.inputs, graph.outputs = [given], [made]
    tflite.sign(model, ["x"], ["y"])
    path = folder / "double.tflite"
    path.write_bytes(tflite.pack(model))
    return path


def test_float_outputs_that_differ_are_doubted_on_real_boards(tmp_path: Path) -> None:

    path = doubling(tmp_path)
    artifact = runtimes.describe(path)
    samples = {"x": np.ones((1, 4), np.float32)}
    request = Request(warmup=0, min_runs=1, min_seconds=0.0, samples=samples)
    wrong = right(outputs=[[raw(np.full((1, 4), 2.1, np.float32))]])
    found = board.measure_on(DEVICE, artifact, request, says(Pieces(framed(READY, wrong))))
    assert "the device computes differently: y is up to 0.1" in " ".join(found.warnings)


# Bytes that are close to what is expected, and bytes that are not.
_leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_keys = st.sampled_from(
    ["run", "ready", "error", "facts", "before", "after", "runtimes", "cores", "outputs", "data",
     "samples_ms", "shape", "dtype", "temperatures", "features", "throttled", "kind", "text",
     "load"]
)  # fmt: skip
_json = st.recursive(
    _leaf, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@st.composite
def answers(draw: st.DrawFn) -> dict[str, Any]:
    """The right answer with something else at some of its places, or an error."""
    if draw(st.integers(0, 4)) == 0:
        kinds = st.sampled_from(["file", "full", "died", "time", "system", "runtime"]) | st.text()
        return {"error": {"kind": draw(kinds), "text": draw(st.text())}}
    told = right()
    run = told["run"]
    if draw(st.booleans()):
        run["outputs"][0][0][draw(st.sampled_from(["dtype", "shape", "data"]))] = draw(_json)
    for key in draw(st.lists(st.sampled_from(sorted(run)), max_size=3)):
        run[key] = draw(_json)
    for key in ("facts", "before", "after", "runtimes"):
        if draw(st.booleans()):
            told[key] = draw(st.dictionaries(_keys, _json, max_size=3))
    return told


_streams = st.one_of(
    st.binary(max_size=300),
    st.lists(st.binary(max_size=80), max_size=4).map(lambda parts: framed(*parts)),
    _json.map(lambda told: framed(READY, told)),
    answers().map(lambda told: framed(READY, told)),
    st.tuples(answers(), st.integers(0, 3000), st.binary(max_size=20)).map(
        lambda given: _spoiled(framed(READY, given[0]), given[1], given[2])
    ),
)


def _spoiled(stream: bytes, at: int, other: bytes) -> bytes:
    return stream[:at] + other + stream[at + len(other) :]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stream=_streams, err=st.binary(max_size=50), code=st.sampled_from([None, 0, 1, 93, 127, -9]))
def test_any_bytes_give_figures_or_one_line(
    file: Path, stream: bytes, err: bytes, code: int | None
) -> None:
    try:
        found = measured(file, stream, err=Pieces(err), code=code)
    except (DeviceError, ArtifactError) as error:
        said = str(error)
    else:
        shown(found)
        said = "board: "
    assert "board: " in said
    assert len(said.splitlines()) == 1


def shown(found: DeviceMeasurement) -> None:
    """It can be shown and written."""
    from rich.console import Console

    whole = Benchmark(measurements=(found,))
    json.dumps(to_plain(whole), allow_nan=False).encode()
    Console(width=80, file=io.StringIO()).print(summary(whole))
