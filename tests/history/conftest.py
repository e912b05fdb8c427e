"""A database of each kind; each test has one of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_history_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEKIT_HISTORY", raising=False)
    for name in ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "a b%20" / "runs ?#é.db"


@pytest.fixture(autouse=True)
def _folder(db: Path) -> None:
    db.parent.mkdir()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run a PostgreSQL server of our own; give its port."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'edgekit-ml[postgresql]'")
    initdb, postgres = _program("initdb"), _program("postgres")
    folder = tmp_path_factory.mktemp("postgres")
    user = "postgres" if os.geteuid() == 0 else None  # the server refuses to be root
    if user:
        for part in (folder, *folder.parents[:3]):
            part.chmod(0o755)
        shutil.chown(folder, user)
    data = folder / "data"
    made = subprocess.run(
        [initdb, "-D", str(data), "-U", "edgekit", "--auth=trust", "--no-sync"],
        user=user, capture_output=True, text=True, timeout=120, cwd=folder,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"initdb fails here: {made.stderr.strip()[-200:]}")
    port = _free_port()
    command = [postgres, "-D", str(data), "-p", str(port), "-k", str(folder),
               "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, user=user, stdout=log, stderr=log, cwd=folder)
    try:
        _wait(port, server, folder / "log")
        yield port
    finally:
        server.terminate()
        server.wait(60)


@pytest.fixture
def postgres(postgres_server: int, request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty database."""
    import psycopg

    name = f"t{abs(hash(request.node.nodeid))}"
    server = f"host=127.0.0.1 port={postgres_server} user=edgekit"
    with psycopg.connect(f"{server} dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"postgresql+psycopg://edgekit@127.0.0.1:{postgres_server}/{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> str:
    """Return where a history may be begun, in each kind of database."""
    name = "db" if request.param == "sqlite" else "postgres"
    return str(request.getfixturevalue(name))


def _program(name: str) -> str:
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if (found := shutil.which(name) or next(map(str, reversed(debian)), None)) is None:
        pytest.skip(f"needs PostgreSQL's {name}: apt-get install postgresql")
    return str(Path(found).resolve())


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    for _ in range(300):
        if server.poll() is not None:
            pytest.skip(f"PostgreSQL does not start here: {log.read_text()[-200:]}")
        try:
            psycopg.connect(f"host=127.0.0.1 port={port} user=edgekit dbname=postgres").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    pytest.skip("PostgreSQL did not start within 30 s")
