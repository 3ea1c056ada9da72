"""Notify as a real process on a database restored to an older state: nobody is told twice (design: going back)."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.contract import providers
from tests.contract.providers import SmtpSetup
from tests.integration.test_notify import outcomes, placed, produce, start, story, until_taken
from tests.pipeline import Pipeline
from tests.stack.databases import PostgresServer
from tests.waiting import eventually

pytestmark = [pytest.mark.needs("end_offsets"), pytest.mark.timeout(300)]
SUBJECTS = ["Your order 1001 has been shipped", "Your order 1001 is out for delivery"]


@pytest.fixture
async def smtp() -> AsyncIterator[SmtpSetup]:
    """The customers' mail server."""
    async with providers.smtp() as setup:
        yield setup


@pytest.fixture
async def backups(postgres_server: PostgresServer) -> AsyncIterator[list[str]]:
    """Names of databases that are dropped at the end."""
    names: list[str] = []
    yield names
    for name in names:
        await postgres_server.drop(name)


async def backup(server: PostgresServer, backups: list[str], url: str) -> str:
    """Copy the database as it is now; return the copy's URL."""
    backups.append(await server.create(template=url.rpartition("/")[2]))
    return server.database_url(backups[-1])


async def ask(url: str, query: str) -> Any:
    """Ask a database for one value."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def has_read(url: str, count: int) -> None:
    """Wait until the notifier on this database has applied so many records."""

    async def all_were_read() -> bool:
        return bool(await ask(url, "select sum(next_offset) from notify.consumer_offset") == count)

    await eventually(all_were_read, 60)


async def test_what_was_told_since_the_backup_is_told_once(
    pipeline: Pipeline, smtp: SmtpSetup, postgres_server: PostgresServer, backups: list[str], database: str
) -> None:
    first = await start(pipeline, smtp)
    await produce(pipeline, placed())
    await has_read(database, 1)
    assert await first.terminate() == 0
    older = await backup(postgres_server, backups, database)

    second = await start(pipeline, smtp)
    for reached in (1, 2):
        await produce(pipeline, story(reached))
        await until_taken(smtp, reached)
    await outcomes(pipeline, 2)
    assert await second.terminate() == 0

    restored = await start(pipeline, smtp, DATABASE_URL=older)
    await has_read(older, 3)
    await produce(pipeline, story(3))
    await until_taken(smtp, 3)
    assert [mail["Subject"] for mail in smtp.taken] == [*SUBJECTS, "Your order 1001 has been delivered"]
    assert "outcomes were read back" in restored.log()
    assert await ask(older, "select count(*) from notify.notification where state = 'accepted'") == 3


async def test_what_was_due_in_the_backup_and_told_since_is_told_once(
    pipeline: Pipeline, smtp: SmtpSetup, postgres_server: PostgresServer, backups: list[str], database: str
) -> None:
    """No record came since the backup: Kafka's committed offsets show nothing, the outcome alone does."""
    smtp.mode = "busy"
    retry = {"TRACKFOLD_NOTIFY__RETRY_FIRST_S": "0.1", "TRACKFOLD_NOTIFY__RETRY_LONGEST_S": "0.2"}
    first = await start(pipeline, smtp, **retry)
    await produce(pipeline, placed(), story(1))
    await has_read(database, 2)
    assert await first.terminate() == 0
    assert await ask(database, "select state from notify.notification") == "pending"
    older = await backup(postgres_server, backups, database)

    smtp.mode = "takes"
    second = await start(pipeline, smtp, **retry)
    await until_taken(smtp, 1)
    await outcomes(pipeline, 1)
    assert await second.terminate() == 0

    await start(pipeline, smtp, DATABASE_URL=older, **retry)
    await produce(pipeline, story(2))
    await until_taken(smtp, 2)
    assert [mail["Subject"] for mail in smtp.taken] == SUBJECTS


async def test_an_empty_database_beside_a_topic_of_outcomes_tells_nobody_again(
    pipeline: Pipeline, smtp: SmtpSetup, postgres_server: PostgresServer, backups: list[str], database: str
) -> None:
    empty = await backup(postgres_server, backups, database)
    first = await start(pipeline, smtp)
    await produce(pipeline, placed(), story(1))
    await outcomes(pipeline, 1)
    assert await first.terminate() == 0
    await start(pipeline, smtp, DATABASE_URL=empty)
    await has_read(empty, 2)
    await produce(pipeline, story(2))
    await until_taken(smtp, 2)
    assert [mail["Subject"] for mail in smtp.taken] == SUBJECTS


async def test_a_database_that_became_another_one_under_a_running_notifier_is_compared_first(
    pipeline: Pipeline, smtp: SmtpSetup, database: str
) -> None:
    """As in a failover that lost the last commits: the process goes on, and reads back before it sends or applies."""
    process = await start(pipeline, smtp)
    await produce(pipeline, placed(), story(1))
    await until_taken(smtp, 1)
    await outcomes(pipeline, 1)
    connection = await asyncpg.connect(database)
    async with connection.transaction():
        # What a promoted standby would show: the row as it was before it was sent, under another name.
        await connection.execute("update notify.incarnation set name = 'the one before'")
        await connection.execute(
            "update notify.notification set state = 'pending', outcome_no = null, published_no = null, next_at = now(),"
            " changed_at = changed_at - interval '1 minute'"
        )
    await connection.close()
    await eventually(lambda: "outcomes were read back" in process.log(), 40)
    await produce(pipeline, story(2))
    await until_taken(smtp, 2)
    assert [mail["Subject"] for mail in smtp.taken] == SUBJECTS
