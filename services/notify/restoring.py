"""A database that is older than what it has told, as after a restore: its outcomes are read back before anything else.

Every start reads `notification.outcomes.v1` from where the database last moved, a moment's worth after an orderly stop;
so does a process whose database becomes another one under it, as in a failover: until then nothing is sent or applied.
An outcome that is newer than its row, or has none, becomes that row, and the replay of the inputs finds it told. What
had not reached Kafka when the database was lost is known to nobody. Two processes may do it at once: the second finds
nothing newer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from schemas.envelope import header
from schemas.notification_outcomes import NOTIFICATION_OUTCOME, NotificationOutcome, Outcome
from services.notify import repository
from services.notify.policy import Identity
from services.notify.relay import OUTCOMES
from services.runtime import delivery, incarnation, kafka, metrics
from services.runtime.errors import Transient
from services.runtime.kafka import Record
from services.runtime.life import Life
from services.runtime.postgres import Connection, Pool
from services.runtime.settings import KafkaSettings
from services.runtime.topic_reading import read_topic

log = structlog.stdlib.get_logger("trackfold.notify")

WHAT: Final = "notify outcomes"
_LOOK_EVERY_S: Final = 1.0
#: A transaction that ended after the last batch may have begun before it; clocks of two database servers differ.
_MARGIN: Final = timedelta(minutes=2)
_EVER: Final = datetime(1990, 1, 1, tzinfo=UTC)
#: Of what the database can count; a sequence at its very end would give out no number any more.
_MOST: Final = 2**62

#: Of rows that a batch has moved: a row that was only made, as for a new partition, says when that was. None: read all.
_LAST_MOVED: Final = "select max(updated_at) from notify.consumer_offset where last_hash is not null"

_NEWER: Final = """
select k.id from unnest($1::uuid[], $2::timestamptz[]) as k (id, at)
left join notify.notification n on n.id = k.id
where n.id is null or n.changed_at < k.at
"""

#: Newer wins: a row that was woken again after its outcome went out is newer than it.
_WRITE: Final = """
insert into notify.notification
    (id, order_key, parcel, milestone, occasion, channel, recipient_role, version, reached_at, state, reason, detail,
     due_at, next_at, recipient_hash, provider, provider_ref, changed_at, outcome_no, published_no)
select n.id, n.order_key, n.parcel, n.milestone, n.occasion, n.channel, n.recipient_role, n.version, n.at::text,
       n.state, n.reason, n.detail, n.at, n.at, n.recipient_hash, n.provider, n.provider_ref, n.at, n.no, n.no
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
            $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::timestamptz[],
            $16::bigint[])
     as n (id, order_key, parcel, milestone, occasion, channel, recipient_role, version, state, reason, detail,
           recipient_hash, provider, provider_ref, at, no)
order by n.id
on conflict (id) do update
set state = excluded.state, reason = excluded.reason, detail = excluded.detail, token = null, lease_until = null,
    recipient_hash = excluded.recipient_hash, provider = excluded.provider, provider_ref = excluded.provider_ref,
    changed_at = excluded.changed_at, outcome_no = excluded.outcome_no, published_no = excluded.published_no
where notification.changed_at < excluded.changed_at
returning state
"""

#: Numbers that were given out in the lost future are not given out again.
_SKIP_NUMBERS: Final = """
select setval('notify.outcome_no', greatest($1, last_value)) from notify.outcome_no
"""


@dataclass(frozen=True, slots=True)
class Known:
    """An outcome as Kafka has it."""

    identity: Identity
    content: NotificationOutcome
    number: int

    @property
    def recipient_hash(self) -> str | None:
        """The hash that tells recipients apart; without link keys outcomes name the role alone."""
        return self.content.recipient if ":" in self.content.recipient else None


async def read_back(life: Life, settings: KafkaSettings, pool: Pool) -> None:
    """Write down every outcome that Kafka knows and the database does not; before anything is sent or consumed."""
    await delivery.persist(lambda: _compare(settings, pool), life=life, what=WHAT)


async def watch(life: Life, settings: KafkaSettings, pool: Pool) -> None:
    """Read back again when the database has become another one; a loop for `life.spawn`."""

    async def look() -> None:
        async with pool.acquire() as connection:
            compared = await incarnation.is_compared(connection, repository.SCHEMA)
        if not compared:
            await _compare(settings, pool)

    while not await life.pause(_LOOK_EVERY_S):
        await delivery.persist(look, life=life, what=WHAT)


async def _compare(settings: KafkaSettings, pool: Pool) -> None:
    if settings.trust_log_ends:
        await read_back_once(settings, pool)
        return
    # What a broker cannot tell cannot be compared; the embedded one's log is gone with it anyway. The name is noted all
    # the same: one that was noted beside another broker would hold sender and handler for ever.
    async with pool.transaction() as connection:
        await incarnation.note(connection, repository.SCHEMA, await incarnation.read(connection))


async def read_back_once(settings: KafkaSettings, pool: Pool) -> int:
    """Read back and return how many outcomes were new to the database; to be run again after any failure."""
    if missing := await kafka.missing_topics(settings, "notify.restoring", (OUTCOMES,)):
        text = f"missing in Kafka, or not ours to see: {', '.join(missing)}"
        raise Transient("topics_missing", text, hint="trackfold topics apply")
    async with pool.acquire() as connection:
        name = await incarnation.read(connection)
        moved: datetime | None = await connection.fetchval(_LAST_MOVED)
    since = _EVER if moved is None else moved - _MARGIN
    written = 0
    async for records in read_topic(settings, OUTCOMES, since=since, name="notify.restoring"):
        written += await _take(pool, newest(records))
    async with pool.transaction() as connection:
        await incarnation.note(connection, repository.SCHEMA, name)
    if written:
        log.warning("the database is older than what it has told: outcomes were read back", outcomes=written)
    return written


async def _take(pool: Pool, known: Sequence[Known]) -> int:
    async with pool.acquire() as connection:
        rows = await connection.fetch(_NEWER, [one.identity.id for one in known], [one.content.at for one in known])
    newer = {row["id"] for row in rows}
    missing = [one for one in known if one.identity.id in newer]
    if not missing:
        return 0
    async with pool.transaction() as connection:
        states = await write(connection, missing)
    for state in states:
        metrics.NOTIFY_READ_BACK.labels(state).inc()
    return len(states)


async def write(connection: Connection, known: Sequence[Known]) -> list[str]:
    """Make these outcomes rows where they are newer than what is there; return the states that were written."""
    # Locks as everywhere: the orders first, sorted, then their notifications.
    await repository.lock_orders(
        connection, {one.identity.order_key: (one.content.shop, one.content.order) for one in known}
    )
    rows = await connection.fetch(_WRITE, *map(list, zip(*(_row(one) for one in known), strict=True)))
    await connection.execute(_SKIP_NUMBERS, max(one.number for one in known))
    return [row["state"] for row in rows]


def newest(records: Iterable[Record]) -> list[Known]:
    """Return the last outcome of each message; what is not an outcome of ours is passed over."""
    found: dict[Identity, Known] = {}
    for record in records:
        known = read(record)
        if known is None:
            log.warning("not an outcome of ours", place=record.place)
            continue
        there = found.setdefault(known.identity, known)
        if (there.content.at, there.number) < (known.content.at, known.number):
            found[known.identity] = known
    return list(found.values())


def read(record: Record) -> Known | None:
    """Return what a record of the topic says, or None where it is not one of ours."""
    _, colon, number = (header(record.headers, "ce_id") or "").rpartition(":")
    try:
        content = NOTIFICATION_OUTCOME.validate_json(record.value or b"")
        key = (record.key or b"").decode()
    except ValueError:  # pydantic's refusal, and bytes that are no text
        return None
    if not colon or not _is_countable(number) or not _is_countable(str(content.version)):
        return None
    if content.outcome not in list(Outcome):
        return None
    role = content.recipient.partition(":")[0]
    identity = Identity(key, content.parcel or "", content.milestone, content.occasion, content.channel, role)
    return Known(identity, content, int(number)) if str(identity.id) == content.notification else None


def _is_countable(number: str) -> bool:
    # The length first: Python refuses to read thousands of digits.
    return number.isascii() and number.isdigit() and len(number) <= len(str(_MOST)) and int(number) < _MOST


def _row(one: Known) -> tuple[object, ...]:
    identity, content = one.identity, one.content
    return (
        identity.id, identity.order_key, identity.parcel, identity.milestone, identity.occasion, identity.channel,
        identity.role, content.version, content.outcome, content.reason, content.detail, one.recipient_hash,
        content.provider, content.provider_ref, content.at, one.number,
    )  # fmt: skip
