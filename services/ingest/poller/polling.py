"""Wiring of the poller: database, clients, the watching consumer, a few loops for each provider. Decides nothing."""

from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final

from aiokafka import AIOKafkaProducer

from services.ingest.apis.base import Callback
from services.ingest.apis.client import HttpClient, open_client
from services.ingest.apis.registry import APIS
from services.ingest.poller import engine, keeper, repository
from services.ingest.poller.engine import Keep, Poller
from services.ingest.poller.keeper import Keeper
from services.ingest.poller.settings import PollerSection
from services.ingest.poller.watching import GROUP, SCHEMA, Watching, make_consumer
from services.ingest.settings import IngestSettings
from services.runtime import delivery, migrate, postgres
from services.runtime.life import Life
from services.runtime.postgres import Pool

_POSTGRES: Final = "postgres"
_START: Final = "poller"


def spawn(life: Life, settings: IngestSettings, producer: AIOKafkaProducer, keep: Keep) -> None:
    """Run all of it beside the taking in of webhooks, which waits for none of this while the database is away.

    A database that refuses us (a wrong password, missing rights) ends the process with 78, as it ends every other: half
    of a process that works is found later than one that does not start.
    """
    section = settings.ingest.poller
    watching = make_watching(section, settings.ingest.heard)
    life.health.beside(
        _POSTGRES, f"{SCHEMA} migrations", _START, GROUP, keeper.WHAT, *(engine.what(name) for name in section.api_keys)
    )

    async def run() -> None:
        await _start(life, settings, producer, keep, watching)
        await life.stopping.wait()

    life.spawn(_START, run)


def make_watching(section: PollerSection, heard: Collection[str]) -> Watching:
    """Return what applies order snapshots and scans, as the settings want it; raises Misconfigured."""
    section.check()
    return Watching(section.serving(heard), section.pace, timedelta(seconds=section.missed_after_s))


async def _start(
    life: Life, settings: IngestSettings, producer: AIOKafkaProducer, keep: Keep, watching: Watching
) -> None:
    section = settings.ingest.poller
    pool = await life.enter(_POSTGRES, lambda: postgres.open_pool(settings.postgres, "trackfold-ingest"))
    life.spawn(_POSTGRES, lambda: postgres.watch(life, pool))
    await migrate.wait(life, pool, SCHEMA)
    await delivery.persist(lambda: _add_providers(pool, section), life=life, what=_START)
    for provider in section.api_keys:
        client = await life.enter(_START, _opener(settings, provider))
        poller = Poller(life, section, pool, APIS[provider], client, keep, watching)
        for number in range(1, section.concurrency + 1):
            life.spawn(f"{engine.what(provider)} {number}", _loop(poller, number))
    life.spawn(keeper.WHAT, Keeper(life, pool, watching).run)
    await life.consume(make_consumer(life, settings.kafka, pool, producer, watching))


async def _add_providers(pool: Pool, section: PollerSection) -> None:
    async with pool.transaction() as connection:
        await repository.add_providers(connection, sorted(section.api_keys))


def _opener(settings: IngestSettings, provider: str) -> Callable[[], AbstractAsyncContextManager[HttpClient]]:
    section = settings.ingest.poller
    secrets = settings.ingest.secrets.get(provider, ())
    callback = Callback(
        f"{settings.http.public_url.rstrip('/')}/webhooks/{provider}",
        secrets[0].get_secret_value() if secrets else "",
    )

    def opened() -> AbstractAsyncContextManager[HttpClient]:
        return open_client(
            section.base_url(provider),
            credentials=section.credentials(provider),
            callback=callback,
            timeout_s=section.call_timeout_s,
            connections=section.concurrency,
        )

    return opened


def _loop(poller: Poller, number: int) -> Callable[[], Awaitable[None]]:
    return lambda: poller.run(number)
