"""How often latencies of one file are told apart, and how often 5 % are found, in real noise.

Every session times one file three times over: three processes a round that take turns, 20 rounds,
100 inferences each, as ``edgekit bench A B --rounds 20 --min-runs 100`` does with two. Any two of
the three are a comparison of a model with itself; 334 sessions make 1,002. Two sessions of
four find the machine as it is, one has one, one has two processes beside it that compute. A false
alarm is an ``edgekit gate`` rule ``max_regression_share = 0`` that fails. A true regression is the
same comparison with every sample of the later one 5 % longer.

Runs of their own, one process each, are taken from the first round's processes of each session:
there a regression of 5 % is within the noise, and only false alarms have a bar.

The method and its sources: ``edgekit.comparing.timing``.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import fixture
from benchmarks.processes import edgekit
from benchmarks.processes import run as run_process
from benchmarks.rows import Row
from edgekit import runtimes
from edgekit.bench import InTurns, measure, measure_in_turns
from edgekit.comparing.subject import Figure, Record, Subject, Timing
from edgekit.gating import Policy, Rule, gate

SESSIONS = 334
PLAYERS = 3
ROUNDS = 20
SAMPLES = 100
_BUSY = "import time\nend = time.time() + 600\nwhile time.time() < end: sum(range(10_000))"
_POLICY = Policy(rules=(Rule(metric="latency_ms", max_regression_share=0.0),))


@dataclass
class Tally:
    """Comparisons, false alarms among them, and regressions of 5 % that were found."""

    comparisons: int = 0
    alarms: int = 0
    found: int = 0
    alone: list[Timing] = field(default_factory=list)

    def add(self, before: Timing, after: Timing) -> None:
        """Compare both, and again with a true regression."""
        self.comparisons += 1
        self.alarms += fails(before, after)
        self.found += fails(before, slower(after, 1.05))


def rows(repeats: int = SESSIONS) -> Iterator[Row]:
    """Yield the shares of false alarms and of found regressions; ``repeats`` counts sessions."""
    turns, runs, rng = Tally(), Tally(), random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        artifact = runtimes.describe(float_file(Path(folder)))  # MobileNetV2-0.35-96
        for at in range(repeats):
            with busy((0, 0, 1, 2)[at % 4]):
                taken = measure_in_turns(
                    [artifact] * PLAYERS, rounds=ROUNDS, min_runs=SAMPLES, seed=at
                )
                alone = [measure(artifact, min_runs=SAMPLES, min_seconds=0.0) for _ in range(2)]
            for pair in itertools.combinations(timings(taken), 2):
                turns.add(*rng.sample(pair, 2))
            _tell_progress(at + 1, repeats, turns)
            facts = {"cpu": alone[0].host.cpu}
            runs.alone += [Timing(samples_ms=m.samples_ms, threads=1, facts=facts) for m in alone]
    pairs = list(itertools.combinations(runs.alone, 2))
    for pair in rng.sample(pairs, min(1000, len(pairs))):
        runs.add(*rng.sample(pair, 2))
    yield from said("files that took turns", turns, found_bar=0.95)
    yield from said("runs of one process", runs, found_bar=None)


def _tell_progress(done: int, sessions: int, tally: Tally) -> None:
    """Say on standard error how far an hour's work is."""
    if done % 10 == 0:
        print(f"{done} of {sessions} sessions: {tally.alarms} false alarms and {tally.found} found "
              f"of {tally.comparisons:,}", file=sys.stderr, flush=True)  # fmt: skip


def float_file(folder: Path) -> Path:
    """Return the benchmarks' model as a float TFLite file."""
    made = fixture.make(folder, samples=8)
    run_process(edgekit("convert", str(made.model), "-t", "tflite-fp32", "-o", str(folder / "out"),
                "--no-measure", "-q"))  # fmt: skip
    return next(folder.glob("out/*/tflite-fp32/model.tflite"))


def said(what: str, tally: Tally, *, found_bar: float | None) -> Iterator[Row]:
    """Yield the two shares of a tally."""
    count = max(1, tally.comparisons)
    note = f"{tally.comparisons:,} comparisons of {SAMPLES} samples"
    yield Row(what=f"false alarms, {what}", edgekit=tally.alarms / count, bar=0.01,
              bar_on="figure", note=note)  # fmt: skip
    yield Row(what=f"5 % found, {what}", edgekit=tally.found / count, bar=found_bar,
              bar_on="figure", at_least=True, note=note)  # fmt: skip


def timings(taken: InTurns) -> list[Timing]:
    """Return what a document would hold of a session."""
    return [
        Timing(samples_ms=one.samples_ms, threads=1, facts={"cpu": one.host.cpu},
               rounds=taken.rounds, session=taken.session)
        for one in taken.measurements
    ]  # fmt: skip


def slower(timing: Timing, factor: float) -> Timing:
    """Return the timing of a file that takes so many times as long."""
    samples = tuple(factor * one for one in timing.samples_ms)
    return Timing(samples_ms=samples, threads=1, facts=timing.facts, rounds=timing.rounds,
                  session=timing.session)  # fmt: skip


def fails(before: Timing, after: Timing) -> bool:
    """Whether the gate fails."""
    return gate(subject(after), _POLICY, baseline=subject(before)).exit_code == 3


def subject(timing: Timing) -> Subject:
    """Return a subject of one latency."""
    middle = sorted(timing.samples_ms)[len(timing.samples_ms) // 2]
    figures = {"latency_ms": Figure(value=middle, basis="measured", timing=timing)}
    record = Record(model="m", target="t", device="host", figures=figures)
    return Subject(name="noise", records=(record,))


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """Let so many processes compute beside."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            child = stack.enter_context(subprocess.Popen([sys.executable, "-c", _BUSY]))
            stack.callback(child.kill)
        yield
