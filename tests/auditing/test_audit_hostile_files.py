"""Damaged and hostile files end in one clear line or in a result: never in a crash or a hang."""

import contextlib
import random
import resource
import struct

import psutil
import pytest

from edgekit.auditing import AuditResult, audit
from edgekit.errors import ArtifactError

ROUNDS = 60


def outcome(path):
    """Return a result or the error's text; anything else is a failure of the test."""
    try:
        return audit(path)
    except ArtifactError as error:
        return str(error)


@pytest.fixture(scope="session")
def whole(tflite_files, onnx_quantized, openvino_files):
    return {
        "tflite": tflite_files["sine"],
        "onnx": onnx_quantized["qdq"],
        "xml": openvino_files["int8"],
    }


def damaged(kind, data, tmp_path, whole):
    path = tmp_path / f"m.{kind}"
    path.write_bytes(data)
    if kind == "xml":
        path.with_suffix(".bin").write_bytes(whole[kind].with_suffix(".bin").read_bytes())
    return path


@pytest.mark.parametrize("kind", ["tflite", "onnx", "xml"])
def test_cut_short(whole, tmp_path, kind):
    data = whole[kind].read_bytes()
    refused = 0
    for part in range(20):
        end = len(data) * part // 20
        refused += isinstance(outcome(damaged(kind, data[:end], tmp_path, whole)), str)
    assert refused >= 18


@pytest.mark.parametrize("kind", ["tflite", "onnx", "xml"])
@pytest.mark.parametrize("seed", range(3))
def test_flipped_bytes(whole, tmp_path, kind, seed):
    chance, data = random.Random(seed), whole[kind].read_bytes()
    for _ in range(ROUNDS):
        hurt = bytearray(data)
        for _ in range(chance.choice((1, 4, 32))):
            hurt[chance.randrange(len(hurt))] = chance.choice((0, 1, 127, 128, 255))
        found = outcome(damaged(kind, bytes(hurt), tmp_path, whole))
        assert isinstance(found, AuditResult) or "\n" not in found


@contextlib.contextmanager
def at_most_more(bytes_more):
    """Let this process have so much more address space: what asks for more gets MemoryError."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    size = psutil.Process().memory_info().vms + bytes_more
    resource.setrlimit(resource.RLIMIT_AS, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_large_offsets_everywhere_in_a_flatbuffer(whole, tmp_path):
    """Each word of the tables in turn claims 4 GiB: no allocation and no walk follows."""
    data = whole["tflite"].read_bytes()
    places, refused = range(0, min(len(data) - 4, 8000), 4), 0
    with at_most_more(1 << 30):
        for place in random.Random(0).sample(places, 150):
            for claim in (0xFFFFFFFF, 0x7FFFFFFF):
                hurt = data[:place] + struct.pack("<I", claim) + data[place + 4 :]
                found = outcome(damaged("tflite", hurt, tmp_path, whole))
                assert isinstance(found, AuditResult) or "\n" not in found
                assert "beyond reason" not in str(found)  # no memory was asked for
                refused += isinstance(found, str)
    assert refused > 0


@pytest.mark.parametrize("suffix", [".tflite", ".onnx", ".xml"])
@pytest.mark.parametrize(
    "data", [b"", b"hello world, I am a text file\n" * 9, b"\x89PNG\r\n\x1a\n" + bytes(99)]
)
def test_other_files_by_that_name(tmp_path, suffix, data):
    path = tmp_path / f"m{suffix}"
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match="expected"):
        audit(path)


def test_what_is_no_file(tmp_path):
    with pytest.raises(ArtifactError, match="no such file"):
        audit(tmp_path / "missing.tflite")
    with pytest.raises(ArtifactError, match="found 0"):
        audit(tmp_path)
    (tmp_path / "m.keras").write_bytes(b"x")
    with pytest.raises(ArtifactError, match="unknown kind"):
        audit(tmp_path / "m.keras")
    (tmp_path / "gone.onnx").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ArtifactError, match="not a regular file"):
        audit(tmp_path / "gone.onnx")


def flatbuffer_of_overlapping_graphs(subgraphs, tensors):
    """Build a file whose subgraphs all share one long vector of tensors."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    builder = flatbuffers.Builder(1024)
    schema.TensorStart(builder)
    tensor = schema.TensorEnd(builder)
    schema.SubGraphStartTensorsVector(builder, tensors)
    for _ in range(tensors):
        builder.PrependUOffsetTRelative(tensor)
    vector = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, vector)
    graph = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, subgraphs)
    for _ in range(subgraphs):
        builder.PrependUOffsetTRelative(graph)
    graphs = builder.EndVector()
    schema.BufferStart(builder)
    buffer = schema.BufferEnd(builder)
    schema.ModelStartBuffersVector(builder, 1)
    builder.PrependUOffsetTRelative(buffer)
    buffers = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, graphs)
    schema.ModelAddBuffers(builder, buffers)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def test_tables_that_overlap_cannot_make_a_small_file_endless(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(flatbuffer_of_overlapping_graphs(5_000, 5_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(ArtifactError, match="overlap"):
        audit(path)
    path.write_bytes(flatbuffer_of_overlapping_graphs(1, 3))
    assert audit(path).macs == 0
