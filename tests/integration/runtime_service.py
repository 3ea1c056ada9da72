"""A small service on the real runtime: `python -m tests.integration.runtime_service MODE`.

It serves `/slow`, consumes `inbox.v1` fenced by Postgres, and has a loop; MODE breaks one of them.
"""

import asyncio
import sys
import time

import structlog
from starlette.types import Receive, Scope, Send

from services.runtime import environment, kafka, postgres, process
from services.runtime.consume import Batch, FencedConsumer
from services.runtime.errors import Misconfigured
from services.runtime.http import problem
from services.runtime.life import Life
from services.runtime.settings import SharedSettings
from tests.integration.runtime_consuming import GROUP, TOPIC, write_down, write_letter

log = structlog.stdlib.get_logger("trackfold.test")
CANARY = "canary@example.com"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer `/slow` after a while, everything else at once."""
    if scope["path"] == "/slow":
        log.info("request at work")
        await asyncio.sleep(1)
    if scope["path"] == "/broken":
        raise ValueError(CANARY)
    await problem(418, "Teapot")(scope, receive, send)


class Service:
    """The service in one of its modes."""

    def __init__(self, settings: SharedSettings, mode: str) -> None:
        self.settings = settings
        self.mode = mode

    async def start(self, life: Life) -> None:
        """Serve, connect, consume, loop."""
        if self.mode == "misconfigured":
            raise Misconfigured("made_up", "this cannot work", hint="try something else")
        if self.mode == "start ended by others":
            raise asyncio.CancelledError
        door = await life.serve(self.settings.http)
        pool = await life.enter(
            "postgres", lambda: postgres.open_pool(self.settings.postgres, "trackfold-test", schema="probe")
        )
        producer = await life.enter("kafka", lambda: kafka.open_producer(self.settings.kafka, "test"))
        door.open(app)
        life.spawn("kafka", lambda: kafka.watch(life, producer))
        life.spawn("postgres", lambda: postgres.watch(life, pool))
        self.life = life
        life.spawn("loop", self.loop)
        consumer = FencedConsumer(
            life,
            self.settings.kafka,
            pool,
            schema="probe",
            group=GROUP,
            topics=(TOPIC,),
            apply=self.apply,
            dead_letter=write_letter,
        )
        await life.consume(consumer)
        if self.mode == "fetcher dies":
            consumer.consumer._fetcher._fetch_task.cancel()  # noqa: SLF001 - nothing of aiokafka tells of it

    async def apply(self, batch: Batch) -> None:
        """Write down, slowly."""
        await write_down(batch)
        log.info("batch at work")
        await asyncio.sleep(1)
        log.info("batch done")

    async def loop(self) -> None:
        """Turn until told to stop, or break."""
        if self.mode == "loop fails":
            raise ValueError(CANARY)
        if self.mode == "blocked":
            time.sleep(600)  # noqa: ASYNC251 - to block the event loop is the point
        while not await self.life.pause(0.1):
            pass
        if self.mode == "loop hangs":
            await asyncio.sleep(600)
        log.info("loop done")


if __name__ == "__main__":
    chosen = environment.load(SharedSettings)
    sys.exit(process.main("test", chosen, Service(chosen, sys.argv[1]).start))
