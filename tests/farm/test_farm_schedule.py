"""Who is given work: decisions alone, without processes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgekit.devices.declaration import Device
from edgekit.farm.schedule import Fleet


def device(name: str, kind: str = "fake", *labels: str) -> Device:
    return Device(name=name, kind=kind, description="", labels=labels)  # type: ignore[arg-type]


def names(fleet: Fleet, waiting: set[str]) -> list[str]:
    return [member.device.name for member in fleet.may_start(waiting)]


def test_what_is_timed_here_has_the_machine_for_itself() -> None:
    fleet = Fleet([device("a", "emulated"), device("host", "host"), device("f")], {}, cpus=4)
    waiting = {"a", "host", "f"}
    assert names(fleet, waiting) == ["host", "f"]
    fleet.members["host"].standing = "working"
    assert names(fleet, waiting) == ["f"]
    fleet.succeeded(fleet.members["host"])
    assert names(fleet, {"a"}) == ["a"]


def test_it_waits_for_what_runs_and_nobody_overtakes_it() -> None:
    fleet = Fleet([device("a", "emulated"), device("b", "npu"), device("host", "host")], {}, cpus=4)
    fleet.members["a"].standing = "working"
    assert names(fleet, {"b", "host"}) == []
    fleet.succeeded(fleet.members["a"])
    assert names(fleet, {"b", "host"}) == ["host"]


@given(st.lists(st.sampled_from(["emulated", "npu", "fake", "ssh", "host", "browser"]), max_size=9),
       st.integers(1, 8))  # fmt: skip
def test_processors_are_never_promised_twice(kinds: list[str], cpus: int) -> None:
    devices = [device(f"{kind}{number}", kind) for number, kind in enumerate(kinds)]
    fleet = Fleet(devices, {}, cpus=cpus)
    waiting = {one.name for one in devices}
    order = []
    while started := fleet.may_start(waiting):
        alone = [m for m in started if m.device.kind in ("host", "browser")]
        heavy = [m for m in started if m.device.kind in ("emulated", "npu", "ssh")]
        assert len(alone) <= 1
        assert not (alone and heavy)
        assert len(heavy) <= cpus
        for member in started:
            order.append(member.device.name)
            waiting.remove(member.device.name)
            fleet.succeeded(member)
    assert sorted(order) == sorted(one.name for one in devices)


def test_three_jobs_in_a_row_part_a_device_and_one_success_forgives() -> None:
    fleet = Fleet([device("a")], {}, cpus=2)
    member = fleet.members["a"]
    for key in ("1", "2", "2", "2"):  # one job that fails again says little of the device
        fleet.failed(member, key, "broke")
    assert member.standing == "free"
    fleet.succeeded(member)
    for key in ("3", "4"):
        fleet.failed(member, key, "broke")
    assert member.standing == "free"
    fleet.failed(member, "5", "broke")
    assert (member.standing, member.why) == ("apart", "failed at 3 jobs in a row: broke")
    assert fleet.why_nobody("a") == "a: kept apart: failed at 3 jobs in a row: broke"


def test_an_absent_device_rests_longer_each_time_and_then_is_given_up() -> None:
    fleet = Fleet([device("a")], {}, cpus=2)
    member = fleet.members["a"]
    fleet.absent(member, "gone", 100.0)
    assert (member.standing, member.until_s) == ("resting", 101.0)
    assert fleet.rested(100.5) == []
    assert fleet.rested(101.0) == [member]
    fleet.absent(member, "gone", 101.0)
    assert member.until_s == 106.0
    fleet.absent(member, "gone", 106.0)
    assert member.standing == "apart"


def test_a_device_that_stays_in_use_is_given_up_when_a_measurement_would_have_been() -> None:
    fleet = Fleet([device("a")], {}, cpus=2)
    member = fleet.members["a"]
    fleet.busy(member, "in use by process 7", 0.0, most_s=60.0)
    fleet.busy(member, "in use by process 7", 59.0, most_s=60.0)
    assert member.standing == "resting"
    fleet.busy(member, "in use by process 7", 61.0, most_s=60.0)
    assert member.standing == "apart"
    assert "in use by process 7" in member.why


def test_a_job_of_a_pool_is_shared_while_another_device_lives() -> None:
    a, b = device("a", "fake", "p"), device("b", "fake", "p")
    fleet = Fleet([a, b], {"pool:p": [a, b]}, cpus=2)
    first, second = fleet.members["a"], fleet.members["b"]
    assert fleet.shares(first) == {"a": False, "pool:p": True}
    fleet.part(second, "broken")
    assert fleet.shares(first) == {"a": False, "pool:p": False}
    assert fleet.why_nobody("pool:p") is None
    fleet.part(first, "broken, too")
    assert fleet.why_nobody("pool:p") == "a: kept apart: broken, too; b: kept apart: broken"
