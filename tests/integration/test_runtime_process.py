"""The life of a real process: port first, waiting for what it needs, draining in order, saying how it ended."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import httpx2
import pytest

from services.local.child import Child
from services.local.ports import free_port
from tests.integration.runtime_consuming import DDL, GROUP, TOPIC
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.stack.processes import Process, Processes
from tests.waiting import eventually

Environment = Callable[..., dict[str, str]]
Starter = Callable[..., Process]


@pytest.fixture
async def start(
    kafka: Kafka, prefix: str, database: str, environment: Environment, tmp_path: Path
) -> AsyncIterator[Starter]:
    """Start the test service in a mode, with more settings."""
    await topics.create(kafka, prefix + TOPIC)
    connection = await asyncpg.connect(database)
    await connection.execute(DDL)
    await connection.close()
    started: list[Process] = []

    def make(mode: str = "well", **settings: str) -> Process:
        ports = {"TRACKFOLD_ADMIN__PORT": str(free_port()), "TRACKFOLD_HTTP__PORT": str(free_port())}
        env = environment(PYTHONPATH=str(Path.cwd()), TRACKFOLD_LOG__FORMAT="json", **(ports | settings))
        child = Child.start(
            f"test-{len(started)}",
            [sys.executable, "-m", "tests.integration.runtime_service", mode],
            log=tmp_path / f"{len(started)}.log",
            env=env,
        )
        urls = [f"http://127.0.0.1:{env[name]}" for name in ("TRACKFOLD_ADMIN__PORT", "TRACKFOLD_HTTP__PORT")]
        started.append(Process("test", child, admin_url=urls[0], http_url=urls[1]))
        return started[-1]

    yield make
    for process in started:
        process.kill()


async def get(url: str) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
        return await client.get(url)


async def answers(url: str, status: int) -> httpx2.Response:
    """Wait until a URL answers so."""

    async def ask() -> httpx2.Response:
        try:
            found = await get(url)
        except httpx2.TransportError as error:
            raise AssertionError(type(error).__name__) from error
        assert found.status_code == status
        return found

    return await eventually(ask)


async def send(kafka: Kafka, prefix: str, value: str) -> None:
    async with topics.producer(kafka) as producer:
        await producer.send_and_wait(prefix + TOPIC, value.encode())


async def effects(database: str) -> list[str]:
    connection = await asyncpg.connect(database)
    try:
        return [row["value"] for row in await connection.fetch("select value from probe.effect order by n")]
    finally:
        await connection.close()


async def test_sigterm_finishes_the_request_the_batch_and_the_loop_in_this_order(
    start: Starter, kafka: Kafka, prefix: str, database: str
) -> None:
    process = start()
    await process.wait_ready()
    asking = asyncio.create_task(get(f"{process.http_url}/slow"))
    await send(kafka, prefix, "0")
    await eventually(lambda: "request at work" in process.log() and "batch at work" in process.log())
    assert await process.terminate() == 0, process.log()
    assert (await asking).status_code == 418
    assert await effects(database) == ["0"]
    log = process.log()
    assert 0 < log.index("batch done") < log.index("loop done") < log.index('"event": "ended"')
    assert "Traceback" not in log


async def test_ctrl_c_drains_as_well_and_says_130(start: Starter) -> None:
    process = start()
    await process.wait_ready()
    process.send(signal.SIGINT)
    assert await process.wait() == 130, process.log()


async def test_a_second_signal_ends_at_once(start: Starter) -> None:
    process = start("loop hangs")
    await process.wait_ready()
    process.send(signal.SIGINT)
    await eventually(lambda: "signal SIGINT" in process.log())
    process.send(signal.SIGINT)
    assert await process.wait(5) == 130
    assert "ending at once" in process.log()


async def test_a_drain_that_takes_too_long_is_cut_and_says_so(start: Starter) -> None:
    process = start("loop hangs", TRACKFOLD_PROCESS__DRAIN_S="2")
    await process.wait_ready()
    assert await process.terminate(10) == 1, process.log()
    assert "a loop did not end" in process.log()


async def test_without_a_broker_the_port_is_open_readyz_names_it_and_sigterm_still_works(start: Starter) -> None:
    process = start(KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port()}")
    await answers(f"{process.admin_url}/livez", 200)

    async def names_kafka() -> bool:
        return "kafka" in (await answers(f"{process.admin_url}/readyz", 503)).text

    await eventually(names_kafka)
    refused = await answers(f"{process.http_url}/slow", 503)
    assert refused.headers["retry-after"] == "5"
    assert refused.headers["content-type"] == "application/problem+json"
    assert await process.terminate(10) == 0, process.log()


async def test_a_process_that_started_before_its_broker_gets_ready_when_it_comes(
    start: Starter, kafka: Kafka, prefix: str, database: str
) -> None:
    port = free_port()
    process = start(KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{port}")
    await answers(f"{process.admin_url}/readyz", 503)
    host, _, real = kafka.bootstrap_servers.split(",")[0].rpartition(":")

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection(host, int(real))
        await asyncio.gather(pump(reader, other_writer), pump(other_reader, writer))

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        sink.close()

    server = await asyncio.start_server(forward, "127.0.0.1", port)
    await process.wait_ready()
    await send(kafka, prefix, "0")
    await eventually(lambda: effects(database))
    assert await process.terminate() == 0, process.log()
    server.close()


async def test_without_a_database_readyz_names_it(start: Starter) -> None:
    process = start(DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/none")

    async def names_postgres() -> bool:
        return "postgres" in (await answers(f"{process.admin_url}/readyz", 503)).text

    await eventually(names_postgres)
    assert await process.terminate(10) == 0, process.log()


async def test_a_database_that_goes_away_and_comes_back_is_seen_in_readyz_and_costs_no_record(
    start: Starter, kafka: Kafka, prefix: str, database: str
) -> None:
    process = start()
    await process.wait_ready()
    name = database.rpartition("/")[2]
    admin = await asyncpg.connect(database.rpartition("/")[0] + "/postgres")
    try:
        await admin.execute(f'alter database "{name}" allow_connections false')
        await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        await send(kafka, prefix, "0")

        async def unready() -> bool:
            return GROUP in (await answers(f"{process.admin_url}/readyz", 503)).text

        await eventually(unready)
        await admin.execute(f'alter database "{name}" allow_connections true')
    finally:
        await admin.close()
    await eventually(lambda: effects(database))
    await process.wait_ready()
    assert await effects(database) == ["0"]
    assert process.running


@pytest.mark.parametrize(
    ("mode", "settings", "code"),
    [
        ("misconfigured", {}, 78),
        ("loop fails", {}, 75),
        ("start ended by others", {}, 75),
        ("blocked", {"TRACKFOLD_PROCESS__WATCHDOG_S": "2"}, 70),
        ("well", {"DATABASE_URL": "postgresql://127.0.0.1:1/none?target_session_attrs=rubbish"}, 78),
        ("well", {"TRACKFOLD_FAILPOINTS": "nowhere:kill"}, 78),
    ],
)
async def test_a_process_that_cannot_go_on_says_why_by_its_code(
    start: Starter, mode: str, settings: dict[str, str], code: int
) -> None:
    process = start(mode, **settings)
    assert await process.wait(20) == code, process.log()
    assert "canary" not in process.log()


async def test_a_taken_port_ends_the_process_with_69(start: Starter) -> None:
    first = start()
    await first.wait_ready()
    second = start(TRACKFOLD_HTTP__PORT=first.http_url.rpartition(":")[2])
    assert await second.wait(20) == 69
    assert "cannot listen on 127.0.0.1" in second.log()


async def test_an_error_in_a_request_is_logged_without_its_words(start: Starter) -> None:
    process = start()
    await process.wait_ready()
    assert (await get(f"{process.http_url}/broken?token=canary")).status_code == 500
    await eventually(lambda: "ValueError" in process.log())
    assert "canary" not in process.log()


async def test_metrics_say_which_build_runs_and_that_it_is_ready(start: Starter) -> None:
    process = start()
    await process.wait_ready()
    page = (await get(f"{process.admin_url}/metrics")).text
    assert "trackfold_build_info{" in page
    assert "trackfold_ready 1.0" in page
    assert "_created" not in page
    assert (await get(f"{process.http_url}/metrics")).status_code == 418


async def test_a_frozen_process_that_thaws_goes_on_instead_of_dying(start: Starter) -> None:
    process = start(TRACKFOLD_PROCESS__WATCHDOG_S="3")
    await process.wait_ready()
    process.send(signal.SIGSTOP)
    await asyncio.to_thread(os.waitid, os.P_PID, process.pid, os.WSTOPPED)
    frozen = asyncio.get_running_loop().time()
    await eventually(lambda: asyncio.get_running_loop().time() - frozen > 4)
    process.send(signal.SIGCONT)
    await process.wait_ready()
    assert await process.terminate() == 0, process.log()


async def test_a_process_whose_fetcher_died_ends_with_70_and_says_so(start: Starter) -> None:
    """E12: to itself it looks well: the event loop turns and every poll succeeds."""
    settings = {"TRACKFOLD_PROCESS__WATCHDOG_S": "2", "TRACKFOLD_KAFKA__LAG_INTERVAL_S": "0.5"}
    process = start("fetcher dies", **settings)
    assert await process.wait(60) == 70, process.log()
    assert "aiokafka's fetcher task has ended" in process.log()
    assert f"watchdog: '{GROUP} progress' has not turned" in process.log()


async def test_a_misspelt_setting_is_refused_with_a_suggestion_and_no_traceback(
    processes: Processes, environment: Environment
) -> None:
    env = environment(TRACKFOLD_KAFKA__TOPIC_PREFX="x")
    process = await processes.start("status", env=env, wait_ready=False)
    assert await process.wait() == 78
    assert "did you mean TRACKFOLD_KAFKA__TOPIC_PREFIX?" in process.log()
    assert "Traceback" not in process.log()
