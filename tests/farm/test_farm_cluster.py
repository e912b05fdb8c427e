"""A real Ray cluster of two nodes on this machine."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import edgekit
from edgekit.devices.inventory import open_inventory
from edgekit.errors import DeviceError, OptionError, UnknownName
from edgekit.farm.cluster import resources
from edgekit.farming import JOURNAL

pytestmark = [
    pytest.mark.slow,
    # Ray leaves sockets and processes to the end of the interpreter.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

Lab = Callable[..., Path]
Files = Callable[[int], list[str]]
Plan = Callable[..., Path]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head that owns ``a``; further nodes are added by the test."""
    pytest.importorskip("ray", reason="needs the extra ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    here = str(Path(edgekit.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]))
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 2, "resources": {"edgekit:a": 1}}
    )
    yield made
    made.shutdown()


def journal(out: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(out / JOURNAL) as db:
        return db.execute(query).fetchall()


def started(out: Path, device: str) -> bool:
    """Whether a device has done a job."""
    try:
        done = "SELECT 1 FROM jobs WHERE state = 'done' AND device = ?"
        with sqlite3.connect(f"file:{out / JOURNAL}?mode=ro", uri=True) as db:
            return bool(db.execute(done, (device,)).fetchone())
    except sqlite3.OperationalError:  # the tables are being made
        return False


def test_a_node_killed_in_the_middle_loses_nothing(
    cluster: Any, lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    lab("a", "pool", seconds=0.1)
    lab("b", "pool", seconds=0.1)
    second = cluster.add_node(num_cpus=2, resources={"edgekit:b": 1})
    path, out = plan(files=files(150), pools=["pool"]), tmp_path / "out"

    def kill() -> None:
        while not started(out, "b"):
            time.sleep(0.05)
        cluster.remove_node(second, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    found = edgekit.submit(path, out=out, address=cluster.address)
    killer.join()
    assert (found.done, found.failed) == (150, 0)
    did = Counter(device for (device,) in journal(out, "SELECT device FROM jobs"))
    assert set(did) == {"a", "b"}
    lost = journal(out, "SELECT device, verdict FROM attempts")
    assert set(lost) <= {("b", "lost")}
    files_of = {one["file"] for one in json.loads(found.document.read_text())["measurements"]}
    assert files_of == {str(tmp_path / f"file-{number}.tflite") for number in range(150)}


def test_what_no_node_owns_is_an_error_and_not_a_wait(
    cluster: Any, lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    lab("a", "pool")
    lab("elsewhere", "others")
    names = files(1)
    with pytest.raises(UnknownName, match=r"no device of the cluster 'elsewhere'.*known: a"):
        edgekit.submit(plan(files=names, devices=["elsewhere"]), out=tmp_path / "1",
                       address=cluster.address)  # fmt: skip
    with pytest.raises(OptionError, match="none of its devices is owned"):
        edgekit.submit(plan(files=names, pools=["others"]), out=tmp_path / "2",
                       address=cluster.address)  # fmt: skip


def test_failures_there_are_those_of_here(
    cluster: Any, lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    lab("a", outcomes=["dies", "hangs", "failed"])
    path = plan(files=files(1), devices=["a"], timeout_s=4.0)
    with pytest.raises(DeviceError, match="1 of 1 jobs failed") as caught:
        edgekit.submit(path, out=tmp_path / "out", address=cluster.address)
    assert caught.value.farm.failed == 1
    errors = [error for (error,) in journal(tmp_path / "out", "SELECT error FROM attempts")]
    assert "its node was lost" in errors[0] or "died" in errors[0]
    assert "no answer within 4 s" in errors[1]
    assert "failed, as its script says" in errors[2]


@pytest.mark.parametrize("listens", [False, True])
def test_no_cluster_at_an_address_is_one_line(
    listens: bool, lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason="needs the extra ray")
    lab("a")
    path = plan(files=files(1), devices=["a"])
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1] if listens else 1
        done = subprocess.run(
            [sys.executable, "-m", "edgekit", "farm", "submit", str(path), "-q",
             "-o", str(tmp_path / "out"), "--address", f"127.0.0.1:{port}"],
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.strip().splitlines()
    assert "no Ray cluster answers there" in line


def test_a_node_is_told_what_it_owns(lab: Lab) -> None:
    inventory = open_inventory([lab("my-pi")])
    assert json.loads(resources([inventory.device("my-pi")])) == {"edgekit:my-pi": 1}
