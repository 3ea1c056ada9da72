"""Wiring of the status service: serve, connect, consume, relay. Nothing is decided here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.runtime import kafka, migrate, postgres, process, sweeping
from services.runtime.life import Life
from services.status import expiry, purge, restoring, versions
from services.status.cache import Cache
from services.status.consumer import GROUP, SCHEMA, make_consumer
from services.status.expiry import Expiry
from services.status.handler import Handler
from services.status.http import make_app
from services.status.outputs import Outputs, read_outputs
from services.status.pressure import WAITS_FOR, Pressure
from services.status.purge import Purge
from services.status.relay import MAX_BATCH_BYTES, Relay
from services.status.restoring import Restoring
from services.status.settings import StatusSettings
from services.status.timers import Timers


def main(settings: StatusSettings) -> int:
    """Run the service until it is told to stop; returns the exit code."""

    async def start(life: Life) -> None:
        await _start(life, settings)

    return process.main("status", settings, start)


async def _start(life: Life, settings: StatusSettings) -> None:
    sweeping.OURS.begin()
    door = await life.serve(settings.http)
    pool = await life.enter("postgres", lambda: postgres.open_pool(settings.postgres, "trackfold-status"))
    life.spawn("postgres", lambda: postgres.watch(life, pool))
    await migrate.wait(life, pool, SCHEMA)
    # Reading needs no active machine: pages and API answer while a newer program waits for its turn.
    door.open(make_app(pool, settings))
    await versions.wait(life, pool)
    life.spawn("machine version", lambda: versions.watch(life, pool))
    producer = await life.enter(
        "kafka", lambda: kafka.open_producer(settings.kafka, "status.relay", max_batch_size=MAX_BATCH_BYTES)
    )
    time_events = await life.enter("kafka", lambda: kafka.open_producer(settings.kafka, "status.timers"))
    life.spawn("kafka", lambda: kafka.watch(life, producer))

    @asynccontextmanager
    async def outputs_known() -> AsyncIterator[Outputs]:
        yield await read_outputs(producer, settings.kafka)

    outputs = await life.enter("topics", outputs_known)
    relay = Relay(
        life, settings.kafka, pool, producer, outputs,
        poll_s=settings.status.relay_poll_ms / 1000, limit=settings.status.relay_batch,
    )  # fmt: skip
    restored = Restoring(life, settings.kafka, pool, Handler(outputs, settings.status.timer_grace_s))
    await restored.check()
    life.spawn("restored", restored.run)
    life.spawn("relay", relay.run)
    life.spawn("timers", Timers(life, settings.kafka, pool, time_events, settings.status.timer_poll_ms / 1000).run)
    pressure = Pressure(life, pool, settings.status.outbox_max_bytes, settings.status.outbox_max_age_s)
    # Pages and API are served meanwhile: nobody is to be sent away because Kafka takes nothing.
    life.health.beside(WAITS_FOR, purge.WHAT, expiry.WHAT, restoring.WHAT, f"{GROUP} log ends")
    life.spawn("outbox", pressure.run)
    life.spawn("expiry", Expiry(life, pool).run)
    kept = settings.status
    days = kept.purge_after_days, kept.forget_after_days
    life.spawn("purge", Purge(life, pool, outputs, *days, kept.purge_round_s, may_take=pressure.may_take).run)
    handler = Handler(outputs, kept.timer_grace_s, Cache(kept.cache_bytes))
    await life.consume(
        make_consumer(life, settings.kafka, pool, handler, may_take=pressure.may_take, committed=relay.wake)
    )
