"""Versions of the machine on real Kafka and Postgres: an older process leaves, a newer one waits for its turn (E6)."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from schemas.order_status import ORDER_STATUS
from services.runtime.consume import Batch
from services.runtime.errors import Exit, Transient
from services.status import versions
from services.status.handler import Handler
from services.status.messages import DEAD_LETTER_TOPIC, SNAPSHOT_TOPIC, STATUS_TOPIC
from services.status.outputs import Outputs
from services.status.versions import MACHINE_VERSION, Activation
from tests.outbox import values
from tests.pipeline import Pipeline, judge
from tests.records import placed, record, scan, shipment
from tests.shown import say
from tests.stack.processes import Process
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
ORDER = "main:1001"
HANDLER = Handler(Outputs({STATUS_TOPIC: 3, SNAPSHOT_TOPIC: 3, DEAD_LETTER_TOPIC: 1}))
#: Makes a process a program of another version: Python runs it before anything else.
OTHER_PROGRAM = "import services.status.versions as versions\nversions.MACHINE_VERSION = {version}\n"


@pytest.fixture
async def connection(database: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to the test's database."""
    opened = await asyncpg.connect(database)
    yield opened
    await opened.close()


async def apply(connection: Any, *bodies: dict[str, Any]) -> None:
    """Apply a batch as the consumer does."""
    async with connection.transaction():
        await HANDLER.apply(Batch(connection, tuple(record(body) for body in bodies)))


async def command(pipeline: Pipeline, *words: str) -> str:
    """Run `trackfold machine ...` and return what it printed."""
    done = await pipeline.processes.start("machine", env=pipeline.environment(), arguments=words, wait_ready=False)
    assert await done.wait(30) == 0, done.log()
    return done.log()


async def says(process: Process, text: str) -> bool:
    """Tell whether /readyz names something it waits for."""
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=2) as client:
            answer = await client.get(f"{process.admin_url}/readyz")
    except httpx2.TransportError:
        return False
    return answer.status_code == 503 and text in answer.text


async def test_a_batch_of_an_older_program_is_rolled_back_and_ends_it(connection: Any) -> None:
    await versions.activate(connection, Activation(MACHINE_VERSION + 1, "ada"))
    with pytest.raises(Exit) as ended:
        await apply(connection, placed())
    assert ended.value.code == 75
    assert await connection.fetchval("select count(*) from status.orders") == 0


async def test_a_batch_of_a_newer_program_waits(connection: Any) -> None:
    await versions.activate(connection, Activation(MACHINE_VERSION - 1, "ada"))
    with pytest.raises(Transient, match="trackfold machine activate"):
        await apply(connection, placed())


async def test_an_activation_waits_for_the_batch_at_work(connection: Any, database: str) -> None:
    other = await asyncpg.connect(database, server_settings={"lock_timeout": "200"})
    try:
        async with connection.transaction():
            await HANDLER.apply(Batch(connection, (record(placed()),)))
            with pytest.raises(asyncpg.LockNotAvailableError):
                await versions.activate(other, Activation(MACHINE_VERSION + 1, "ada"))
        assert (await versions.activate(other, Activation(MACHINE_VERSION + 1, "ada"))).active == MACHINE_VERSION + 1
    finally:
        await other.close()


async def test_a_database_with_orders_of_the_first_machine_names_it(connection: Any) -> None:
    await apply(connection, placed())
    text = (ROOT / "services/status/migrations/0002_timers.sql").read_text()
    await connection.execute(text[text.index("insert into status.machine_version") : text.index("-- Which")])
    assert (await versions.read(connection)).active == 1


async def test_what_a_newer_machine_reads_differently_is_marked_and_comes_before_the_news(connection: Any) -> None:
    await apply(connection, placed(), shipment())
    # What an older machine could have made of it.
    await say(connection, "picking")
    await connection.execute("update status.orders set machine = 1")
    await apply(connection, scan("in_transit", minutes=60))
    await apply(connection, scan("delivered", minutes=1700))
    told = [ORDER_STATUS.validate_json(value) for value in await values(connection)]
    assert [(one.change.version, one.state, one.change.marked) for one in told[1:]] == [
        (2, "processing", None), (3, "processing", "reread"), (4, "in_transit", None), (5, "delivered", None),
    ]  # fmt: skip


async def test_a_newer_machine_that_reads_the_same_publishes_only_the_news(connection: Any) -> None:
    await apply(connection, placed(), shipment())
    await connection.execute("update status.orders set machine = 1")
    await apply(connection, placed(), scan("in_transit", minutes=60))
    assert await connection.fetchval("select version from status.orders") == 3
    assert await connection.fetchval("select machine from status.orders") == MACHINE_VERSION


async def test_an_order_that_reads_the_same_is_folded_once_by_a_newer_machine(connection: Any) -> None:
    await apply(connection, placed(), shipment(), scan("in_transit", minutes=60))
    await connection.execute("update status.orders set machine = 1")
    await apply(connection, scan("in_transit", minutes=60))
    assert await connection.fetchval("select machine from status.orders") == MACHINE_VERSION
    assert await connection.fetchval("select version from status.orders") == 3


async def test_a_fresh_database_takes_the_version_of_the_first_process(pipeline: Pipeline) -> None:
    await pipeline.start("status")
    shown = json.loads((await command(pipeline, "machine", "show", "--json")).splitlines()[-1])
    assert (shown["active"], shown["program"]) == (MACHINE_VERSION, MACHINE_VERSION)


async def test_an_older_process_leaves_with_75_even_when_it_has_nothing_to_do(
    pipeline: Pipeline, connection: Any
) -> None:
    process = await pipeline.start("status")
    await versions.activate(connection, Activation(MACHINE_VERSION + 1, "ada"))
    assert await process.wait(20) == 75
    again = await pipeline.start("status", wait_ready=False)
    assert await again.wait(20) == 75
    assert f"machine version {MACHINE_VERSION + 1} is active" in again.log()


async def test_two_versions_side_by_side_only_the_active_one_folds(pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(OTHER_PROGRAM.format(version=MACHINE_VERSION + 1))
    old = await pipeline.start("status")
    new = await pipeline.start("status", wait_ready=False, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    await eventually(lambda: says(new, "machine version"), timeout_s=30)
    await pipeline.produce([placed(), shipment(), scan("in_transit", minutes=60)])
    before = judge(await pipeline.until_state(ORDER, "in_transit"))
    assert old.running
    assert await says(new, "trackfold machine activate")

    words = ("machine", "activate", "--version", str(MACHINE_VERSION + 1), "--force", "--author", "ada")
    shown = await command(pipeline, *words, "--reason", "a release")
    assert f"active: {MACHINE_VERSION + 1}" in shown
    assert "activated by: ada (a release)" in shown
    assert await old.wait(20) == 75
    await new.wait_ready()
    await pipeline.produce([scan("delivered", minutes=1700)])
    after = judge(await pipeline.until_state(ORDER, "delivered"))
    assert after[-1].change.version == before[-1].change.version + 1
