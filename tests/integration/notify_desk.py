"""The notifier on one database, driven step by step, with a channel that answers as told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr

from services.notify import relay, repository
from services.notify.channels.base import Message, Result, Sent
from services.notify.compose import Composer
from services.notify.handler import Handler
from services.notify.sender import Sender
from services.notify.settings import NotifySection, NotifySettings
from services.runtime import clock, postgres
from services.runtime.consume import Batch
from services.runtime.life import Life
from services.runtime.postgres import Pool
from services.runtime.settings import LinkSettings, PostgresSettings
from tests.unit.notify.making import milestone, parcel, record, status_body

NOW = clock.now()
KEY = "main:1001"


class FakeChannel:
    """Answers as told, in turn; then takes everything."""

    provider = "fake"

    def __init__(self, *results: Result) -> None:
        self.results = list(results)
        self.sent: list[Message] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, message: Message) -> Result:
        self.sent.append(message)
        await self.gate.wait()
        return self.results.pop(0) if self.results else Sent(f"ref-{len(self.sent)}")

    async def close(self) -> None:
        return


class Desk:
    """The notifier on one database, driven step by step."""

    def __init__(self, pool: Pool, url: str, channel: FakeChannel, **options: Any) -> None:
        section = NotifySection(**({"settle_s": 0, "retry_first_s": 0.001, "poll_s": 0.01} | options))
        links = LinkSettings(keys=(SecretStr("k1:0123456789abcdef0123"),))
        settings = NotifySettings(postgres=PostgresSettings(url=SecretStr(url)), notify=section, links=links)
        self.pool = pool
        self.channel = channel
        self.life = Life("notify", settings)
        self.handler = Handler(section)
        self.sender = Sender(
            self.life, section, pool, channels=dict.fromkeys(section.channels, channel), composer=Composer(settings)
        )

    async def apply(self, *bodies: dict[str, Any]) -> None:
        records = tuple(record(body, event_id=f"e{number}") for number, body in enumerate(bodies))
        async with self.pool.transaction() as connection:
            batch = Batch(connection, records)
            await self.handler.apply(batch)
        for count in batch.committed:
            count()

    async def turn(self) -> int:
        """Claim what is due and deliver it; return how much it was."""
        claimed = await self.sender.claim(100)
        for one in claimed:
            await self.sender.deliver(one)
        return len(claimed)

    async def rows(self) -> list[tuple[str, str, str | None]]:
        async with self.pool.acquire() as connection:
            return [(row["milestone"], row["state"], row["reason"]) for row in await repository.why(connection, KEY)]

    async def outcomes(self) -> list[tuple[str, str, str | None]]:
        async with self.pool.acquire() as connection:
            ended = await relay.ended(connection, limit=1000)
        made = [relay.outcome(one) for one in ended]
        return [(one.milestone, one.outcome, one.reason) for one in made]

    async def execute(self, sql: str) -> None:
        async with self.pool.acquire() as connection:
            await connection.execute(sql)


@asynccontextmanager
async def open_pool(url: str) -> AsyncIterator[Pool]:
    async with postgres.open_pool(PostgresSettings(url=SecretStr(url)), "trackfold-notify-test") as opened:
        yield opened


def reached(*names: str, version: int = 1, minutes: float = -30, **fields: Any) -> dict[str, Any]:
    """Return a status message of a parcel that has reached these milestones, a minute apart, just now."""
    shown = (milestone(name, minutes=minutes + n, now=NOW) for n, name in enumerate(names))
    return status_body(parcel(*shown), version=version, **fields)
