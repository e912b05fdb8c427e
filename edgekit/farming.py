"""The function behind ``edgekit farm``: many files on many devices, here or on a cluster."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgekit import runtimes
from edgekit.api import convert
from edgekit.artifact import Artifact
from edgekit.benchmarking import compared_on
from edgekit.devices.backend import Request
from edgekit.devices.declaration import Device
from edgekit.errors import BudgetMissed, DeviceError, OptionError, UnknownName
from edgekit.farm.cluster import Cluster
from edgekit.farm.inventory import Inventory, open_inventory
from edgekit.farm.jobs import Job, Plan, jobs, load_plan
from edgekit.farm.journal import Journal
from edgekit.farm.pool import Pool, prepare
from edgekit.farm.quarantine import quarantine_of
from edgekit.farm.results import missed, write_document
from edgekit.farm.run import Run
from edgekit.farm.schedule import Fleet, Member
from edgekit.farm.task import Task
from edgekit.farm.workforce import Workforce
from edgekit.pipeline.options import Options
from edgekit.progress import Progress, Silent

JOURNAL = "journal.db"
DOCUMENT = "report.json"
_MOST_PROCESSES = 32
_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class FarmRun:
    """What came of a plan: how many jobs stand where, and the document that tells of each.

    ``again`` counts the jobs that an earlier run had done. ``missed`` are the first budgets missed.
    """

    document: Path
    done: int
    failed: int
    again: int
    missed: tuple[str, ...] = ()
    failures: tuple[str, ...] = field(default=())


def submit(
    plan: str | Path | Plan, *, out: str | Path = "out/farm", address: str | None = None,
    processes: int | None = None, progress: Progress | None = None,
) -> FarmRun:  # fmt: skip
    """Measure a plan's files on its devices; models are converted first.

    Results are kept in ``out`` as they arrive. The same call again repeats nothing that was done:
    it goes on with what a killed run left, and tries again what failed.

    Args:
        plan: A TOML file, or a ``Plan``.
        out: The folder of ``journal.db`` and ``report.json``.
        address: Of an existing Ray cluster, whose nodes own the devices; this machine if None.
        processes: That measure at once on this machine; as many as there are devices if None, and
            at most 32.
        progress: Who listens to the stages.

    Raises:
        DeviceError: jobs failed; the rest was done. ``farm`` of the error is the ``FarmRun``.
        BudgetMissed: all were done, and a figure is beyond its budget, or nobody can tell it.
        OptionError, ArtifactError, DestinationError: the plan, a file or ``out`` cannot be used.
    """
    if address is None:
        prepare()
    wanted = plan if isinstance(plan, Plan) else load_plan(Path(plan))
    folder, told = Path(out), progress or Silent()
    inventory = open_inventory(wanted.inventory)
    named, pools = _asked(wanted, inventory)
    artifacts = _artifacts(wanted, folder, told)
    if (scoring := wanted.measure.scoring()) is not None:
        scoring.check(artifacts)
    with Journal.open(folder / JOURNAL) as journal:
        journal.begin(jobs(wanted, artifacts, inventory.devices))
        before = journal.counts()["done"]
        if any(journal.places().values()):
            with _workforce(address, processes, named, pools) as force:
                _work(wanted, journal, force, named, pools, told)
        write_document(journal, wanted.budget, folder / DOCUMENT)
        return _judged(_found(wanted, journal, folder, before))


def _asked(
    plan: Plan, inventory: Inventory
) -> tuple[Mapping[str, Device], Mapping[str, list[Device]]]:
    """Return the devices that are named, and those of each pool, by what jobs call it."""
    named = {name: inventory.device(name) for name in plan.devices}
    return named, {f"pool:{pool}": inventory.pool(pool) for pool in plan.pools}


def _artifacts(plan: Plan, folder: Path, progress: Progress) -> list[Artifact]:
    made: list[str | Path] = list(plan.files)
    for model in plan.models:
        conversion = convert(
            model.source, model.targets, out=folder / "models",
            calibration=model.calibration or None, recipe=model.recipe or None,
            options=Options(measure=False), progress=progress,
        )  # fmt: skip
        made += [artifact.path for artifact in conversion.artifacts]
    return [runtimes.describe(path) for path in made]


@contextlib.contextmanager
def _workforce(
    address: str | None, processes: int | None, named: Mapping[str, Device],
    pools: Mapping[str, list[Device]],
) -> Iterator[Workforce]:  # fmt: skip
    devices = {*named, *(device.name for device in itertools.chain(*pools.values()))}
    force: Workforce = (
        Pool(min(processes or len(devices), _MOST_PROCESSES)) if address is None
        else Cluster(address)
    )  # fmt: skip
    try:
        if isinstance(force, Cluster):
            _refuse_unknown(force, named, pools)
        yield force
    except BaseException:
        force.close(now=True)
        raise
    force.close(now=False)


def _refuse_unknown(
    cluster: Cluster, named: Mapping[str, Device], pools: Mapping[str, list[Device]]
) -> None:
    """Refuse devices that no node owns: a task for them would wait for ever."""
    offered = cluster.offered()
    for name in named:
        if name not in offered:
            raise UnknownName("device of the cluster", name, offered)
    for place, members in pools.items():
        if not offered & {device.name for device in members}:
            raise OptionError(
                f"{place}: none of its devices is owned by a node of the cluster, which offers "
                f"{', '.join(sorted(offered)) or 'none'}; see `edgekit farm resources --help`"
            )


def _work(
    plan: Plan, journal: Journal, force: Workforce, named: Mapping[str, Device],
    pools: Mapping[str, list[Device]], progress: Progress,
) -> None:  # fmt: skip
    devices = {**named, **{d.name: d for d in itertools.chain(*pools.values())}}
    if isinstance(force, Cluster):
        offered = force.offered()
        devices = {name: device for name, device in devices.items() if name in offered}
    fleet = Fleet(devices.values(), pools, force.cpus)
    for member in fleet.members.values():
        if found := quarantine_of(member.device):
            fleet.part(member, f"in quarantine: {found.why}")
    requests = _Requests(plan)
    queued = sum(journal.places().values())
    with progress.stage("measure", queued):
        Run(
            journal=journal, fleet=fleet, workforce=force, task=requests.task,
            attempts=plan.measure.attempts, timeout_s=plan.measure.timeout_s, progress=progress,
        ).work()  # fmt: skip


class _Requests:
    """Makes tasks; the samples of the last file are kept, since jobs come file by file."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._scoring = plan.measure.scoring()
        self._last: tuple[str, Request] | None = None

    def task(self, job: Job, member: Member) -> Task:
        """Return what a device is given for a job."""
        if self._last is None or self._last[0] != job.file:
            asked = self._plan.measure.request()
            data = self._plan.measure.data
            if data:
                samples = compared_on(data, runtimes.describe(job.file))
                asked = replace(asked, samples=samples)
            self._last = (job.file, asked)
        return Task(
            device=member.device, file=job.file, request=self._last[1], scoring=self._scoring
        )


def _found(plan: Plan, journal: Journal, folder: Path, before: int) -> FarmRun:
    counts = journal.counts()
    failures = (
        f"{one.device or one.job.place}: {Path(one.job.file).name}: {one.error}"
        for one in journal.results(state="failed")
    )
    return FarmRun(
        document=folder / DOCUMENT, done=counts["done"], failed=counts["failed"], again=before,
        missed=tuple(itertools.islice(missed(journal, plan.budget), _NAMED)),
        failures=tuple(itertools.islice(failures, _NAMED)),
    )  # fmt: skip


def _judged(run: FarmRun) -> FarmRun:
    if not run.failed and not run.missed:
        return run
    error = (
        DeviceError(f"{run.failed} of {run.failed + run.done} jobs failed: {run.failures[0]}")
        if run.failed else BudgetMissed("; ".join(run.missed))
    )  # fmt: skip
    error.farm = run
    raise error
