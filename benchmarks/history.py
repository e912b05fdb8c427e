"""How long a history of 100,000 runs takes to list, filtered, and how long a run takes to keep."""

from __future__ import annotations

import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.processes import edgekit, middle, run
from benchmarks.rows import Row

RUNS, OF_A_DOCUMENT = 100_000, 40
MOST_SECONDS = 0.5
_MODELS, _TARGETS = 50, ("tflite-int8", "onnx-int8", "openvino-int8", "tflite-fp16")
_DEVICES = ("host", "raspberry-pi-4", "raspberry-pi-5", "cortex-m4", "pixel-9")
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def rows(repeats: int = 11) -> Iterator[Row]:
    """Yield what each question takes, in this process and as a command."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "runs.db"
        _fill(place)
        yield from _asked(place, repeats)
        yield from _commands(place, repeats)


def _fill(place: Path) -> None:
    """Keep runs as a year of CI would: rows of many documents, each of 30 kB once deflated."""
    from edgekit.history import open_history
    from edgekit.history.tables import DOCUMENTS
    from edgekit.history.tables import RUNS as TABLE

    content = zlib.compress(bytes(30_000), 0)
    with open_history(place, writes=True) as history, history._engine.begin() as connection:
        for document in range(RUNS // OF_A_DOCUMENT):
            digest = f"{document:064x}"
            connection.execute(DOCUMENTS.insert().values(
                id=document + 1, kind="benchmark", sha256=digest, content=content
            ))  # fmt: skip
            first = document * OF_A_DOCUMENT
            connection.execute(
                TABLE.insert(), [_row(first + at, document + 1) for at in range(OF_A_DOCUMENT)]
            )


def _row(number: int, document: int) -> dict[str, Any]:
    return {
        "document_id": document, "document": f"{document:064x}", "kind": "benchmark",
        "time": _BEGAN + timedelta(minutes=5 * number), "model": f"model-{number % _MODELS}",
        "source_sha256": f"{number % 997:064x}", "artifact_sha256": f"{number:064x}",
        "target": _TARGETS[number // 7 % 4], "device": _DEVICES[number // 3 % 5],
        "edgekit": "0.1.0", "verdict": "fail" if number % 97 == 0 else "pass",
        "host": f"ci-{number % 8}", "commit": f"{number // 20:040x}", "branch": "main",
        "score": 0.9, "accuracy_drop_pp": number % 13 / 10, "latency_ms": 1 + number % 101 / 100,
        "latency_basis": "measured", "size_kib": 100.0 + number % 50, "peak_memory_mib": 9.0,
    }  # fmt: skip


def _asked(place: Path, repeats: int) -> Iterator[Row]:
    from edgekit.history import Selection, open_history
    from edgekit.history.web.pages import Pages

    one = Selection(model="model-7", target="onnx-int8", device="host")
    with open_history(place) as history:
        pages = Pages(history)
        questions: dict[str, Callable[[], object]] = {
            "list, model and target and device": lambda: history.runs(one),
            "list, failed since December": lambda: history.runs(
                Selection(verdict="fail", since=datetime(2026, 12, 1, tzinfo=UTC))
            ),
            "list, a commit": lambda: history.runs(Selection(commit=f"{4000:040x}"[:40])),
            "list, a branch, slowest first": lambda: history.runs(
                Selection(branch="main"), order="latency_ms"
            ),
            "list, nothing fits": lambda: history.runs(Selection(branch="none")),
            "baseline": lambda: history.latest(one),
            "trend of a model": lambda: history.trends("latency_ms", Selection(model="model-7")),
            "page, everything": lambda: pages.at("/"),
            "page, model and target": lambda: pages.at("/?model=model-7&target=onnx-int8"),
        }
        for what, question in questions.items():
            yield _row_of(f"{what} ({RUNS:,} runs)", [_seconds(question) for _ in range(repeats)])


def _commands(place: Path, repeats: int) -> Iterator[Row]:
    command = ("history", "--history", str(place), "--model", "model-7", "--verdict", "fail")
    run(edgekit(*command))
    costs = [run(edgekit(*command)) for _ in range(repeats)]
    yield Row(
        what="edgekit history --model … --verdict fail, whole process", unit="s",
        edgekit=middle(costs).seconds, bar=MOST_SECONDS, bar_on="figure",
    )  # fmt: skip


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _row_of(what: str, taken: list[float]) -> Row:
    return Row(
        what=what, unit="s", edgekit=median(taken), bar=MOST_SECONDS, bar_on="figure",
        note=f"{min(taken):.3f} to {max(taken):.3f}",
    )  # fmt: skip
