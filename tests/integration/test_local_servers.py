"""The embedded database and broker: they serve, and neither a process nor a file of theirs outlives its owner."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from services.local.broker import EmbeddedBroker
from services.local.child import Child, ChildFailedError, listens
from services.local.postgres import EmbeddedPostgres
from services.local.scratch import sweep
from tests.waiting import eventually

OWNER = """
import signal
from services.local.broker import EmbeddedBroker
from services.local.postgres import EmbeddedPostgres
postgres, broker = EmbeddedPostgres(fsync=False), EmbeddedBroker()
print(postgres.start().rpartition(":")[2].partition("/")[0], broker.start().rpartition(":")[2])
print(postgres.folder, broker.folder, sep="\\n", flush=True)
signal.pause()
"""


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("tmp")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == [], "files were left behind"


@pytest.mark.usefixtures("temporary")
async def test_embedded_postgres_serves_and_leaves_nothing() -> None:
    server = EmbeddedPostgres()
    with server as url:
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("show fsync") == "on"
        assert str(await connection.fetchval("show server_version")) in server.version
        await connection.close()


async def test_embedded_postgres_asks_for_its_password() -> None:
    with EmbeddedPostgres(fsync=False) as url:
        account, _, address = url.rpartition("@")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(f"{account}x@{address}")


@pytest.mark.usefixtures("temporary")
def test_the_embedded_broker_listens_and_leaves_nothing() -> None:
    with EmbeddedBroker() as address:
        port = int(address.rpartition(":")[2])
        assert listens(port)
    assert not listens(port)


async def test_servers_of_a_killed_owner_die_with_it_and_the_next_one_tidies_up(tmp_path: Path) -> None:
    owner = Child.start("an owner of servers", [sys.executable, "-c", OWNER], log=tmp_path / "log")
    try:
        owner.wait_ready(lambda: len(owner.tail().splitlines()) == 3, limit_s=30)
        numbers, *names = owner.tail().splitlines()
        ports, folders = [int(port) for port in numbers.split()], [Path(name) for name in names]
        assert [listens(port) for port in ports] == [True, True]
    finally:
        owner.stop(signal.SIGKILL)

    await eventually(lambda: not any(listens(port) for port in ports), what="the end of both servers")
    for base in {folder.parent for folder in folders}:
        sweep(base)
    assert [folder for folder in folders if folder.exists()] == []


def test_a_child_that_ends_early_is_reported_with_its_last_words(tmp_path: Path) -> None:
    child = Child.start("a child", [sys.executable, "-c", "raise SystemExit('last words')"], log=tmp_path / "log")
    with pytest.raises(ChildFailedError, match="last words"):
        child.wait_ready(lambda: False, limit_s=20)


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    child = Child.start("a deaf child", [sys.executable, "-c", deaf], log=tmp_path / "log")
    child.wait_ready(lambda: "deaf" in child.tail(), limit_s=20)

    assert child.stop(grace_s=0.1) == -signal.SIGKILL
