"""Backends that are ended while they are idle: whoever meets one of them is served by the next (rule E12)."""

import asyncio
import time

import asyncpg
from prometheus_client import REGISTRY
from pydantic import SecretStr

from services.runtime.errors import Transient
from services.runtime.postgres import Connection, open_pool, retried
from services.runtime.settings import PostgresSettings

LIMIT_S = 60.0
USERS = 6
END_SOME = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() order by random() limit 2
"""


def met_a_goodbye() -> bool:
    """Say whether a backend's last words were met before the end of its connection."""
    labels = {"what": "backends", "reason": "InternalClientError"}
    return bool(REGISTRY.get_sample_value("trackfold_retries_total", labels))


async def ask(connection: Connection) -> int:
    """Ask for something."""
    found: int = await connection.fetchval("select 1")
    return found


async def test_a_request_that_meets_the_last_words_of_a_backend_is_answered_by_another_one(empty_database: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    served = []

    async def use() -> None:
        while not met_a_goodbye() and time.monotonic() < deadline:
            try:
                served.append(await retried(pool, ask, what="backends"))
            except Transient:
                continue  # a request may find four of them

    async def end() -> None:
        while not met_a_goodbye() and time.monotonic() < deadline:
            await admin.execute(END_SOME)
            time.sleep(0.002)  # noqa: ASYNC251 - the last words and the end shall be read one after the other
            await asyncio.sleep(0.01)

    admin = await asyncpg.connect(empty_database)
    try:
        async with open_pool(PostgresSettings(url=SecretStr(empty_database), pool_size=USERS), "test") as pool:
            await asyncio.gather(end(), *(use() for _ in range(USERS)))
            assert met_a_goodbye()
            assert await retried(pool, ask, what="backends") == 1
    finally:
        await admin.close()
    assert set(served) == {1}
