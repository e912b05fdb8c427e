"""Times several files alternately, in rounds of fresh processes, so that they can be compared."""

from __future__ import annotations

import contextlib
import random
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.bench.job import Job
from edgekit.bench.measurement import Measurement, notes_on
from edgekit.bench.preemption import some_processors
from edgekit.bench.process import TIMEOUT_S, kept
from edgekit.errors import ArtifactError, OptionError
from edgekit.extras import runtime_of
from edgekit.runtimes.feed import one_batch
from edgekit.spawn import Child

A_TURN = 2  # inferences; short turns let both files meet the same disturbances
MOST_ROUNDS = 200


@dataclass(frozen=True, kw_only=True)
class InTurns:
    """Measurements of one session. ``rounds`` counts the samples of each round, for every file.

    A file's samples stand in the order of rounds; ``session`` names the session.
    """

    measurements: tuple[Measurement, ...]
    rounds: tuple[int, ...]
    session: str


def measure_in_turns(
    artifacts: Sequence[Artifact], *, rounds: int = 10, threads: int = 1, warmup: int = 10,
    min_runs: int = 100, min_seconds: float = 0.0, seed: int = 0,
    samples: Sequence[Mapping[str, NDArray[Any]] | None] = (),
) -> InTurns:  # fmt: skip
    """Time files alternately: each round has a fresh process a file, which take turns.

    What disturbs the machine for longer than a turn disturbs all files alike, and what differs from
    process to process is seen ``rounds`` times: the randomized multiple interleaved trials of
    Abedi and Brecht 2017, "Conducting repeatable experiments in highly variable cloud computing
    environments". The orders of starting and within a turn are random, so that under equal files
    which one is which is a matter of chance. The processes of a round stay on the same processors,
    drawn anew each round, and an inference that another process interrupted is taken again
    (``edgekit.bench.preemption``).

    Args:
        artifacts: What to run.
        rounds: Processes that each file is timed in.
        threads: That one inference may use.
        warmup: Inferences before, in each process.
        min_runs: Least number of inferences of each file, over all rounds.
        min_seconds: Least time that the inferences of all files take together.
        seed: Of the order.
        samples: Inputs of each file, as ``measure`` takes them; random from one seed if left out.

    Raises:
        OptionError: a number is out of range.
        DataError: a sample does not fit its file's inputs.
        ArtifactError: a file cannot be run, or its process dies or takes over 15 minutes.
        MissingExtra: a runtime is not installed.
    """
    if not 1 <= rounds <= MOST_ROUNDS or threads < 1 or warmup < 0 or min_runs < 1:
        raise OptionError(
            f"expected rounds in 1..{MOST_ROUNDS}, threads >= 1, warmup >= 0 and min_runs >= 1,"
            f" got {rounds}, {threads}, {warmup}, {min_runs}"
        )
    if not 0 <= min_seconds <= TIMEOUT_S / 2:
        raise OptionError(f"expected min_seconds in 0..{TIMEOUT_S / 2:g}, got {min_seconds:g}")
    given = samples or [None] * len(artifacts)
    for artifact, sample in zip(artifacts, given, strict=True):
        if sample is not None:
            one_batch(artifact.inputs, sample, native=False)
    rng = random.Random(seed)
    with contextlib.ExitStack() as stack:
        jobs = [
            Job(artifact=a, threads=threads, warmup=warmup, min_runs=-(-min_runs // rounds),
                min_seconds=min_seconds / rounds, sample=kept(stack, sample))
            for a, sample in zip(artifacts, given, strict=True)
        ]  # fmt: skip
        taken = [_round(jobs, rng) for _ in range(rounds)]
    return InTurns(
        measurements=tuple(_merged([one[at] for one in taken]) for at in range(len(jobs))),
        rounds=tuple(len(one[0].samples_ms) for one in taken),
        session=secrets.token_hex(8),
    )


def _round(jobs: Sequence[Job], rng: random.Random) -> list[Measurement]:
    with contextlib.ExitStack() as stack:
        processors = some_processors(jobs[0].threads, rng)
        started = {
            at: stack.enter_context(_player(replace(jobs[at], processors=processors)))
            for at in rng.sample(range(len(jobs)), len(jobs))
        }
        players = [started[at] for at in range(len(jobs))]
        for player in players:
            player.expect()
        end, done = time.perf_counter() + jobs[0].min_seconds, 0
        while done < jobs[0].min_runs or time.perf_counter() < end:
            count = min(A_TURN, jobs[0].min_runs - done) if done < jobs[0].min_runs else A_TURN
            for player in rng.sample(players, len(players)):
                player.play(count)
            done += count
        return [player.result() for player in players]


@contextlib.contextmanager
def _player(job: Job) -> Iterator[_Player]:
    """Start a process, which is killed after 15 minutes and on leaving."""
    runtime_of(job.artifact.format)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with Child("edgekit.bench.worker:take_turns", job.artifact.format, **streams) as child:
        watch = threading.Timer(TIMEOUT_S, child.process.kill)
        watch.daemon = True
        watch.start()
        try:
            yield _Player(job, child)
        finally:
            watch.cancel()


class _Player:
    """A process that runs its file a few times whenever it is told to."""

    def __init__(self, job: Job, child: Child) -> None:
        self._job, self._child = job, child
        self._say(job.encode())

    def play(self, count: int) -> None:
        self._say(b"%d" % count)
        self.expect()

    def expect(self) -> bytes:
        out = self._child.process.stdout
        line = out.readline() if out is not None else b""
        if not line.startswith(b"ok"):
            said = line.decode(errors="replace").strip() or "it ended without a word"
            raise ArtifactError(f"{self._job.artifact.path}: measuring it failed: {said[:300]}")
        return bytes(line)

    def result(self) -> Measurement:
        self._say(b"0")
        try:
            return msgspec.json.decode(self.expect()[2:], type=Measurement)
        except msgspec.DecodeError as error:
            raise ArtifactError(
                f"{self._job.artifact.path}: the measuring process gave no figures"
            ) from error

    def _say(self, line: bytes) -> None:
        into = self._child.process.stdin
        with contextlib.suppress(BrokenPipeError):  # what is wrong shows in what it says
            if into is not None:
                into.write(line + b"\n")
                into.flush()


def _merged(parts: Sequence[Measurement]) -> Measurement:
    """Return the rounds of a file as one measurement; memory is the largest of any round."""
    samples = tuple(sample for part in parts for sample in part.samples_ms)
    first, last = parts[0], parts[-1]
    host = replace(first.host, load_after=last.host.load_after)
    largest = max(parts, key=lambda part: part.peak_memory_mib)
    return Measurement(
        samples_ms=samples,
        warmup_ms=tuple(sample for part in parts for sample in part.warmup_ms),
        load_ms=sorted(part.load_ms for part in parts)[len(parts) // 2],
        threads=first.threads,
        memory_before_mib=largest.memory_before_mib,
        peak_memory_mib=largest.peak_memory_mib,
        host=host,
        notes=notes_on(samples, host.load_before, host.cores),
    )
