"""The relay: outcomes and dead letters from their rows to Kafka, at least once, each exactly as its row says.

Rows in the order of their outcomes; all of one round are acknowledged before they are marked, and a failed round starts
again from the first row that is not. One process publishes at a time, to save repeats: repeats are harmless.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final

import asyncpg
from aiokafka import AIOKafkaProducer

from schemas.envelope import ce_headers
from schemas.notification_outcomes import NotificationOutcome
from services.notify import repository
from services.notify.rows import Ended, Ending, Letter
from services.notify.settings import NotifySettings
from services.runtime import delivery, failpoints, kafka, metrics
from services.runtime.life import Life
from services.runtime.postgres import Connection, Pool

OUTCOMES: Final = "notification.outcomes.v1"
DEAD_LETTERS: Final = "dead-letters.v1"
SOURCE: Final = "trackfold/notify"
_ROUND: Final = 200
_SEND_S: Final = 10.0

_ENDED: Final = """
select n.*, o.shop, o.order_number
from notify.notification n join notify.customer_order o using (order_key)
where n.outcome_no is not null and n.published_no is distinct from n.outcome_no
order by n.outcome_no limit $1
"""

_PUBLISHED: Final = """
update notify.notification n set published_no = p.no
from unnest($1::uuid[], $2::bigint[]) as p (id, no)
where n.id = p.id and n.outcome_no = p.no
"""

_LETTERS: Final = "select id, letter_key, letter, at from notify.quarantine order by id limit $1"
_LETTERS_SENT: Final = "delete from notify.quarantine where id = any($1::bigint[])"
_ONE_PUBLISHER: Final = "select pg_try_advisory_lock(hashtextextended('notify.publisher', 0))"
_ONE_PUBLISHER_END: Final = "select pg_advisory_unlock(hashtextextended('notify.publisher', 0))"


class Relay:
    """Publishes what the other loops have written down."""

    def __init__(self, life: Life, settings: NotifySettings, pool: Pool, producer: AIOKafkaProducer) -> None:
        """Take what it reads from and sends to."""
        self._life = life
        self._settings = settings
        self._pool = pool
        self._producer = producer
        self._heart = life.heart("notify.relay")

    async def run(self) -> None:
        """Publish until the process stops, and what is left then."""
        while True:
            stopping = self._life.stopping.is_set()
            count = await delivery.persist(self.round, life=self._life, what="notify.relay", heart=self._heart)
            self._heart.beat()
            if count == 0 and (stopping or await self._life.pause(self._settings.notify.poll_s)):
                return

    async def round(self) -> int:
        """Publish one round; return how many rows it had."""
        async with self._pool.acquire() as connection:
            if not await become_publisher(connection):
                return 0
            # The pool drops session locks when it takes the connection back, also after a failure.
            if outcomes := await ended(connection, limit=_ROUND):
                await failpoints.hit("outcomes.before_send")
                await self._each(*(self._outcome(one) for one in outcomes))
                await failpoints.hit("outcomes.after_send")
                await published(connection, outcomes)
            waiting = await letters(connection, limit=_ROUND)
            await self._each(*(self._letter(one) for _, one in waiting))
            await letters_sent(connection, [number for number, _ in waiting])
            await stop_publishing(connection)
        for one in outcomes:
            metrics.NOTIFY_OUTCOMES_PUBLISHED.labels(one.ending.state).inc()
        return len(outcomes) + len(waiting)

    async def _each(self, *sends: Awaitable[None]) -> None:
        """Wait for all, also when one fails: what is still on its way must not overtake the next round."""
        results = await asyncio.gather(*sends, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _outcome(self, row: Ended) -> None:
        content = outcome(row)
        key = row.identity.order_key
        await kafka.send(
            self._producer,
            self._settings.kafka.topic(OUTCOMES),
            key=key.encode(),
            value=content.model_dump_json(exclude_none=True).encode(),
            headers=ce_headers(
                OUTCOMES,
                content.outcome,
                event_id=f"{row.id}:{row.outcome_no}",
                source=SOURCE,
                subject=key,
                time=row.changed_at,
            ),
            timestamp_ms=int(row.changed_at.timestamp() * 1000),
            timeout_s=_SEND_S,
        )

    async def _letter(self, letter: Letter) -> None:
        await kafka.send(
            self._producer,
            self._settings.kafka.topic(DEAD_LETTERS),
            key=letter.key.encode(),
            value=letter.content.encode(),
            headers=ce_headers(
                DEAD_LETTERS,
                "quarantined",
                event_id=f"{letter.key}/quarantined",
                source=SOURCE,
                subject=letter.key,
                time=letter.at,
            ),
            timestamp_ms=int(letter.at.timestamp() * 1000),
            timeout_s=_SEND_S,
        )


def outcome(row: Ended) -> NotificationOutcome:
    """Return what is published of a row: who was told what and how it ended, and no address."""
    return NotificationOutcome(
        notification=str(row.id),
        shop=row.shop,
        order=row.order,
        parcel=row.identity.parcel or None,
        milestone=row.identity.milestone,
        occasion=row.identity.occasion,
        channel=row.identity.channel,
        recipient=row.ending.recipient_hash or row.identity.role,
        outcome=row.ending.state,
        reason=row.ending.reason,
        detail=row.ending.detail,
        provider=row.ending.provider,
        provider_ref=row.ending.provider_ref,
        version=row.version,
        at=row.changed_at,
    )


async def ended(connection: Connection, *, limit: int) -> list[Ended]:
    """Return outcomes that Kafka does not have, oldest first."""
    return [_ended(row) for row in await connection.fetch(_ENDED, limit)]


async def published(connection: Connection, rows: Sequence[Ended]) -> None:
    """Write down that Kafka has these outcomes; one that has changed meanwhile stays to be published."""
    await connection.execute(_PUBLISHED, [row.id for row in rows], [row.outcome_no for row in rows])


async def letters(connection: Connection, *, limit: int) -> list[tuple[int, Letter]]:
    """Return dead letters that Kafka does not have, oldest first."""
    return [
        (row["id"], Letter(row["letter_key"], row["letter"], row["at"]))
        for row in await connection.fetch(_LETTERS, limit)
    ]


async def letters_sent(connection: Connection, ids: Sequence[int]) -> None:
    """Delete dead letters that Kafka has."""
    await connection.execute(_LETTERS_SENT, list(ids))


async def become_publisher(connection: Connection) -> bool:
    """Take the publisher's lock of this database, if it is free; it ends with `stop_publishing` or the connection."""
    return bool(await connection.fetchval(_ONE_PUBLISHER))


async def stop_publishing(connection: Connection) -> None:
    """Give the publisher's lock back."""
    await connection.execute(_ONE_PUBLISHER_END)


def _ended(row: asyncpg.Record) -> Ended:
    ending = Ending(
        row["state"], row["reason"], row["detail"], row["recipient_hash"], row["provider"], row["provider_ref"]
    )
    return Ended(
        row["id"],
        row["shop"],
        row["order_number"],
        repository.identity_of(row),
        row["version"],
        ending,
        row["changed_at"],
        row["outcome_no"],
    )
