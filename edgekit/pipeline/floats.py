"""Writes float artifacts, and does not believe them before they agree with the source model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgekit.errors import ArtifactError, ExportError, MissingExtra
from edgekit.formats import openvino as openvino_files
from edgekit.pipeline.judge import Judge
from edgekit.pipeline.steadiness import least_sqnr_db
from edgekit.quantizers.attempts import Agreement
from edgekit.trace import Trace

Arrays = Mapping[str, NDArray[Any]]
MIN_PARITY_DB = 80.0


class Disagrees(ExportError):
    """Files could be made, but none gives what the source model gives."""


def write_float(
    trace: Trace, kind: str, folder: Path, *,
    parity: tuple[Arrays, Arrays], predict: Callable[[Arrays], Arrays], on: str = "random inputs",
) -> None:  # fmt: skip
    """Write the float artifact of a format into a folder, by the first route that agrees.

    ``parity`` is (inputs, the source model's outputs), ``predict`` the source model. A file agrees
    that is within 80 dB, or as near to the model as that is to itself when its input is disturbed
    by one part in a million. ``on`` says what the inputs are.

    Raises:
        Disagrees: files could be made, but none agrees; the text says what each did.
        ExportError: no file could be made.
    """
    judge, said, routes = Judge(inputs=parity[0], reference=parity[1]), [], ROUTES[kind]
    written = False
    floor = cache(lambda: least_sqnr_db(predict, *parity, "float32"))
    for name, write in routes:
        try:
            path = write(trace, folder)
            written = True
            agreement: Agreement = judge(path)
        except MissingExtra:
            if name == routes[0][0]:
                raise
            continue
        except (ExportError, ArtifactError) as error:
            said.append(f"{name}: {error}")
            continue
        if agreement.sqnr_db >= MIN_PARITY_DB or agreement.sqnr_db >= floor():
            return
        said.append(f"{name}: only {agreement.sqnr_db:.0f} dB of agreement with Keras")
    text = f"no float {kind} file agrees with the source model on {on}: {'; '.join(said)}"
    raise (Disagrees if written else ExportError)(text)


def write_fast(trace: Trace, kind: str, folder: Path) -> Path:
    """Write a float file by the first route of its format, and compare it with nothing.

    Raises:
        ExportError: it cannot be written.
    """
    return ROUTES[kind][0][1](trace, folder)


def _tflite(trace: Trace, folder: Path) -> Path:
    from edgekit.exporters import tflite

    path = folder / "model.tflite"
    path.write_bytes(tflite.export(trace))
    return path


def _onnx(trace: Trace, folder: Path, *, keep_transposes: bool = False) -> Path:
    import onnx as library

    from edgekit.exporters import onnx
    from edgekit.exporters.onnx_biases import gather_biases
    from edgekit.quantizers import ort

    path = folder / "model.onnx"
    folded = ort.fold(onnx.export(trace, keep_transposes=keep_transposes))
    library.save(gather_biases(folded), str(path))
    return path


def _onnx_unfolded(trace: Trace, folder: Path) -> Path:
    import onnx as library

    from edgekit.exporters import onnx

    path = folder / "model.onnx"
    library.save(onnx.export(trace, keep_transposes=True), str(path))
    return path


def _openvino(trace: Trace, folder: Path) -> Path:

    from edgekit.exporters import openvino

    path = folder / "model.xml"
    openvino_files.save(openvino.export(trace), path)
    return path


def _openvino_by_onnx(trace: Trace, folder: Path) -> Path:

    from edgekit.exporters import onnx, openvino

    path = folder / "model.xml"
    openvino_files.save(openvino.from_onnx(onnx.export(trace)), path)
    return path


Write = Callable[[Trace, Path], Path]
ROUTES: dict[str, list[tuple[str, Write]]] = {
    "tflite": [("TFLite converter", _tflite)],
    "onnx": [
        ("tf2onnx", _onnx),
        ("tf2onnx, its transposes kept", partial(_onnx, keep_transposes=True)),
        ("tf2onnx, not folded", _onnx_unfolded),
    ],
    "openvino": [("TensorFlow frontend", _openvino), ("by ONNX", _openvino_by_onnx)],
}
