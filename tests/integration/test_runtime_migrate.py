"""Migrations on a real database: once each, in order, under a lock, with a checksum."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from services.runtime import migrate
from services.runtime.errors import Misconfigured

UP = "-- migrate:up\n"


@pytest.fixture(name="connection")
async def connection_fixture(empty_database: str) -> AsyncIterator[Any]:
    """A connection to an empty database."""
    made = await asyncpg.connect(empty_database)
    yield made
    await made.close()


@pytest.fixture(name="files")
def files_fixture(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Files of a made-up service, by name."""
    files = {
        "0001_one.sql": UP + "create table made_up.one(a int);\ninsert into made_up.one values (1);",
        "0002_index.sql": UP.strip() + " transaction:false\ncreate index concurrently one_a on made_up.one(a);",
    }
    monkeypatch.setattr(migrate, "read", lambda _: [migrate.parse(name, files[name]) for name in sorted(files)])
    return files


async def test_each_is_applied_once_and_in_order(connection: Any, files: dict[str, str]) -> None:
    assert [one.applied for one in await migrate.status(connection, ["made_up"])] == [False, False]
    assert [one.version for one in await migrate.up(connection, ["made_up"])] == ["0001", "0002"]
    assert await migrate.up(connection, ["made_up"]) == []
    files["0003_more.sql"] = "-- migrate:up\ninsert into made_up.one values (3);"
    assert [one.version for one in await migrate.up(connection, ["made_up"])] == ["0003"]
    assert [row["a"] for row in await connection.fetch("select a from made_up.one order by a")] == [1, 3]
    assert all(one.applied for one in await migrate.status(connection, ["made_up"]))


async def test_a_file_that_fails_leaves_nothing_and_can_be_mended(connection: Any, files: dict[str, str]) -> None:
    files["0003_bad.sql"] = UP + "create table made_up.two(); select 1/0;"
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate.up(connection, ["made_up"])
    assert await connection.fetchval("select to_regclass('made_up.two')") is None
    files["0003_bad.sql"] = UP + "create table made_up.two();"
    assert [one.version for one in await migrate.up(connection, ["made_up"])] == ["0003"]


async def test_a_file_changed_after_it_was_applied_is_refused(connection: Any, files: dict[str, str]) -> None:
    await migrate.up(connection, ["made_up"])
    files["0001_one.sql"] += "-- and more"
    for work in (migrate.up, migrate.status):
        with pytest.raises(Misconfigured, match=r"0001_one\.sql was changed"):
            await work(connection, ["made_up"])


@pytest.mark.usefixtures("files")
async def test_two_runs_at_once_apply_each_once(connection: Any, empty_database: str) -> None:
    other = await asyncpg.connect(empty_database)
    try:
        both = await asyncio.gather(migrate.up(connection, ["made_up"]), migrate.up(other, ["made_up"]))
    finally:
        await other.close()
    assert sorted(len(states) for states in both) == [0, 2]


async def test_the_command_migrates_and_its_status_has_an_exit_code(empty_database: str) -> None:
    def run(*words: str) -> int:
        env = {"PATH": os.environ["PATH"], "DATABASE_URL": empty_database}
        return subprocess.run(
            [sys.executable, "-m", "services.cli", *words], check=False, env=env, timeout=60
        ).returncode

    assert await asyncio.to_thread(run, "migrate", "status") == 1
    assert await asyncio.to_thread(run, "migrate", "up") == 0
    assert await asyncio.to_thread(run, "migrate", "status", "--json") == 0
