"""The function behind ``edgekit farm``: many files on many devices, here or on a cluster."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgekit import runtimes
from edgekit.api import convert
from edgekit.artifact import Artifact
from edgekit.devices.backend import Request
from edgekit.devices.declaration import Device
from edgekit.devices.inventory import Inventory, open_inventory
from edgekit.devices.lease import device_key
from edgekit.devices.quarantine import quarantine_of
from edgekit.errors import BudgetMissed, DeviceError, OptionError, UnknownName
from edgekit.farm.cluster import Cluster
from edgekit.farm.jobs import Job, jobs
from edgekit.farm.journal import Journal
from edgekit.farm.plan import Model, Plan, load_plan
from edgekit.farm.pool import Pool, prepare
from edgekit.farm.results import missed, refuse_folder, write_document
from edgekit.farm.run import Run, muster
from edgekit.farm.schedule import Fleet, Member
from edgekit.farm.task import Task, formats
from edgekit.farm.workforce import Workforce
from edgekit.pipeline.options import Options
from edgekit.progress import Progress, Silent
from edgekit.shown import shown
from edgekit.target import Target

JOURNAL = "journal.db"
DOCUMENT = "benchmark.json"
_MOST_PROCESSES = 32
_NAMED = 5


@shown("farm")
@dataclass(frozen=True, kw_only=True)
class FarmRun:
    """What came of a plan: how many jobs stand where, and the document that tells of each.

    ``again`` counts the jobs that an earlier run had done. ``missed`` and ``failures`` are the
    first of their kind; the document has all.
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
        out: The folder of ``journal.db`` and ``benchmark.json``.
        address: Of an existing Ray cluster, whose nodes own the devices; this machine if None.
        processes: How many measure at once on this machine; if None one for each device, and at
            most 32.
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
    refuse_folder(folder / DOCUMENT)
    asked = _asked(wanted, open_inventory(wanted.inventory))
    with Journal.open(folder / JOURNAL) as journal, _workforce(address, processes, asked) as force:
        fleet = _fleet(asked, force)
        muster(force, fleet, asked.named, _formats(wanted))
        artifacts = _artifacts(wanted, folder, told)
        _check_data(wanted, artifacts)
        declared = {name: device_key(device) for name, device in asked.all.items()}
        journal.begin(jobs(wanted, artifacts), declared)
        before = journal.counts()["done"]
        _work(wanted, journal, force, fleet, asked, told)
        write_document(journal, wanted.budget, folder / DOCUMENT)
        return _judged(_found(wanted, journal, folder, before))


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """The devices that a plan names, and those of its pools, by what jobs call them."""

    named: Mapping[str, Device]
    pools: Mapping[str, Sequence[Device]]

    @property
    def all(self) -> dict[str, Device]:
        """Every device, by name."""
        return {**self.named, **{d.name: d for d in itertools.chain(*self.pools.values())}}


def _asked(plan: Plan, inventory: Inventory) -> _Asked:
    return _Asked(
        named={name: inventory.device(name) for name in plan.devices},
        pools={f"pool:{pool}": inventory.pool(pool) for pool in plan.pools},
    )


def _formats(plan: Plan) -> set[str]:
    """Return the formats of the files that will be measured, made already or not."""
    targets = {target for model in plan.models for target in model.targets}
    return formats(plan.files) | {Target.load(target).format for target in targets}


def _artifacts(plan: Plan, folder: Path, progress: Progress) -> list[Artifact]:
    made: list[str | Path] = list(plan.files)
    for place, model in _places(plan, folder / "models").items():
        conversion = convert(
            model.source, model.targets, out=place,
            calibration=model.calibration or None, recipe=model.recipe or None,
            options=Options(measure=False), progress=progress,
        )  # fmt: skip
        made += [artifact.path for artifact in conversion.artifacts]
    return [runtimes.describe(path) for path in made]


def _places(plan: Plan, folder: Path) -> Mapping[Path, Model]:
    """Return where each model's files go: no two to one place."""
    found: dict[Path, Model] = {}
    names: set[tuple[Path, str]] = set()
    for model in plan.models:
        recipe = Path(model.recipe).stem or "as-it-is"
        place, name = folder / recipe, Path(model.source).stem
        if (place, name) in names:
            raise OptionError(
                f"models: two are called {name!r} and have the recipe {recipe!r}; name one file"
                " otherwise, or list all targets at one of them"
            )
        names.add((place, name))
        found[place if place not in found else folder / f"{recipe}-{len(found)}"] = model
    return found


def _check_data(plan: Plan, artifacts: Sequence[Artifact]) -> None:
    """Refuse data that do not fit a file, before anything is measured."""
    if (scoring := plan.measure.scoring()) is not None:
        scoring.check(list(artifacts))
    for artifact in artifacts:
        plan.measure.request(artifact)


@contextlib.contextmanager
def _workforce(address: str | None, processes: int | None, asked: _Asked) -> Iterator[Workforce]:
    force: Workforce = (
        Pool(min(processes or len(asked.all), processes or _MOST_PROCESSES)) if address is None
        else Cluster(address)
    )  # fmt: skip
    try:
        if isinstance(force, Cluster):
            _refuse_unknown(force, asked)
        yield force
    except BaseException:
        force.close(now=True)
        raise
    force.close(now=False)


def _refuse_unknown(cluster: Cluster, asked: _Asked) -> None:
    """Refuse devices that no node owns: a task for them would wait for ever."""
    offered = cluster.offered()
    for name in asked.named:
        if name not in offered:
            raise UnknownName("device of the cluster", name, offered)
    for place, members in asked.pools.items():
        if not offered & {device.name for device in members}:
            raise OptionError(
                f"{place}: none of its devices is owned by a node of the cluster, which offers "
                f"{', '.join(sorted(offered)) or 'none'}; see `edgekit farm resources --help`"
            )


def _fleet(asked: _Asked, force: Workforce) -> Fleet:
    """Return the devices that there are, of which those in quarantine get no work."""
    devices = asked.all
    if isinstance(force, Cluster):
        offered = force.offered()
        devices = {name: device for name, device in devices.items() if name in offered}
    fleet = Fleet(devices.values(), asked.pools, force.cpus)
    for member in fleet.members.values():
        if found := quarantine_of(member.device):
            fleet.part(member, f"in quarantine: {found.why}")
    return fleet


def _work(
    plan: Plan, journal: Journal, force: Workforce, fleet: Fleet, asked: _Asked,
    progress: Progress,
) -> None:  # fmt: skip
    with progress.stage("measure", journal.counts()["queued"]):
        Run(
            journal=journal, fleet=fleet, workforce=force, task=_Requests(plan).task,
            attempts=plan.attempts, timeout_s=plan.timeout_s, progress=progress,
            places=[*asked.named, *asked.pools],
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
            asked = self._plan.measure.request(runtimes.describe(job.file))
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
    more = f"; {run.failed - 1} more: edgekit farm status" if run.failed > 1 else ""
    error = (
        DeviceError(
            f"{run.failed} of {run.failed + run.done} jobs failed: {run.failures[0]}{more}"
        )
        if run.failed else BudgetMissed("; ".join(run.missed))
    )  # fmt: skip
    error.farm = run
    raise error
