"""The SQL of notify, but for the relay's. Each function works on a connection it is given and commits nothing.

Locks are always taken in the order orders, then notifications. What is due and what is late is judged by the
database's clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, replace
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from services.notify.policy import Identity
from services.notify.rows import Claimed, Ending, Letter, NewRow, OrderRow
from services.runtime.postgres import Connection

SCHEMA: Final = "notify"

_CREATE_ORDERS: Final = """
insert into notify.customer_order (order_key, shop, order_number)
select * from unnest($1::text[], $2::text[], $3::text[])
on conflict (order_key) do nothing
"""

_LOCK_ORDERS: Final = """
select order_key, shop, order_number, book, version, status, revision
from notify.customer_order where order_key = any($1::text[])
order by order_key for update
"""

_SAVE_ORDERS: Final = """
update notify.customer_order o
set book = n.book, version = n.version, status = n.status, revision = o.revision + 1, updated_at = now()
from unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) as n (order_key, book, version, status)
where o.order_key = n.order_key
"""

_PLAN: Final = """
insert into notify.notification
    (id, order_key, parcel, milestone, occasion, channel, recipient_role, version, reached_at, state, reason,
     due_at, next_at, outcome_no)
select n.id, n.order_key, n.parcel, n.milestone, n.occasion, n.channel, n.recipient_role, n.version, n.reached_at,
       case when n.reason is null then 'pending' else 'suppressed' end, n.reason,
       now() + $11::interval, now() + $11::interval,
       case when n.reason is not null then nextval('notify.outcome_no') end
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
            $9::text[], $10::text[])
     as n (id, order_key, parcel, milestone, occasion, channel, recipient_role, version, reached_at, reason)
on conflict do nothing
returning channel, milestone, state, reason
"""

#: Taken back before it was told, and there again: it is news still.
_REVIVE: Final = """
update notify.notification n
set state = 'pending', reason = null, version = p.version, reached_at = p.reached_at, due_at = now() + $4::interval,
    next_at = now() + $4::interval, changed_at = now(), outcome_no = null, published_no = null
from unnest($1::uuid[], $2::bigint[], $3::text[]) as p (id, version, reached_at)
where n.id = p.id and n.state = 'suppressed' and n.reason = 'withdrawn'
"""

_WAKE: Final = """
update notify.notification set state = 'pending', reason = null, next_at = greatest(due_at, now()), changed_at = now()
where order_key = any($1::text[]) and state = 'waiting'
"""

_QUARANTINE: Final = """
insert into notify.quarantine (letter_key, letter, at) select * from unnest($1::text[], $2::text[], $3::timestamptz[])
"""

_EXPIRE: Final = """
update notify.notification
set state = 'unknown', reason = 'lease_ended', lease_until = null, changed_at = now(),
    outcome_no = nextval('notify.outcome_no')
where id in (
    select id from notify.notification where state = 'attempting' and lease_until < now()
    order by lease_until limit 100 for update skip locked
)
returning id, channel, milestone
"""

_CLAIM: Final = """
update notify.notification
set state = 'attempting', attempt = attempt + 1, token = gen_random_uuid(), lease_until = now() + $2::interval,
    reason = null, changed_at = now()
where id in (
    select id from notify.notification
    where state in ('pending', 'waiting') and next_at <= now() and channel = any($3::text[])
    order by next_at limit $1 for update skip locked
)
returning id, token, order_key, parcel, milestone, occasion, channel, recipient_role, version, reached_at, attempt,
          due_at
"""

_NEWEST: Final = """
select order_key, shop, order_number, book, version, status, revision, now() as now
from notify.customer_order where order_key = $1
"""

_TOLD_OTHERS: Final = """
select recipient_hash from notify.notification
where (order_key, parcel, milestone, occasion, channel) = ($1, $2, $3, $4, $5) and recipient_role <> $6
  and state in ('accepted', 'unknown') and recipient_hash is not null
"""

_REVISION: Final = "select revision from notify.customer_order where order_key = $1 for share"

_IS_ERASED: Final = """
select coalesce(status::jsonb ->> 'state' = 'erased', false) from notify.customer_order where order_key = $1 for share
"""

#: The token still owns a row whose lease ended: what is known now is better than unknown.
_END: Final = """
update notify.notification
set state = $3, reason = $4, detail = $5, recipient_hash = coalesce($6, recipient_hash), provider = $7,
    provider_ref = $8, lease_until = null, changed_at = now(), outcome_no = nextval('notify.outcome_no')
where id = $1 and (
    (token = $2 and state in ('attempting', 'unknown'))
    -- What the provider took, or may have taken, holds even in a database that became older meanwhile.
    or ($3 in ('accepted', 'unknown') and state in ('pending', 'waiting', 'attempting', 'unknown'))
)
"""

_AGAIN: Final = """
update notify.notification
set state = 'pending', reason = $3, next_at = now() + $4::interval, lease_until = null, changed_at = now(),
    outcome_no = null, published_no = null
where id = $1 and token = $2 and state in ('attempting', 'unknown')
"""

_HOLD: Final = """
update notify.notification
set state = 'waiting', reason = $3, next_at = $4, attempt = greatest(attempt - 1, 0), lease_until = null,
    changed_at = now(), outcome_no = null, published_no = null
where id = $1 and token = $2 and state in ('attempting', 'unknown')
"""

_OLDEST_DUE: Final = """
select coalesce(extract(epoch from now() - min(next_at)), 0)::float8
from notify.notification where state in ('pending', 'waiting') and next_at <= now()
"""

_WHY: Final = """
select parcel, milestone, occasion, channel, recipient_role, state, reason, detail, version, reached_at, attempt,
       due_at, next_at, changed_at, recipient_hash, provider, provider_ref
from notify.notification where order_key = $1
order by created_at, parcel, milestone, channel, recipient_role
"""


async def lock_orders(connection: Connection, names: Mapping[str, tuple[str, str]]) -> dict[str, OrderRow]:
    """Lock the orders' rows, making the missing ones; `names` gives shop and number of each key."""
    keys = sorted(names)
    await connection.execute(_CREATE_ORDERS, keys, [names[key][0] for key in keys], [names[key][1] for key in keys])
    return {row["order_key"]: _order(row) for row in await connection.fetch(_LOCK_ORDERS, keys)}


async def save_orders(connection: Connection, rows: Iterable[OrderRow]) -> None:
    """Write back orders that are locked."""
    each = list(rows)
    if each:
        await connection.execute(_SAVE_ORDERS, *_columns(each, "order_key", "book", "version", "status"))


async def plan(connection: Connection, rows: Sequence[NewRow], *, settle_s: float) -> list[tuple[str, str, str, str]]:
    """Write down messages that are not written yet; give (channel, milestone, state, reason) of those that were new."""
    if not rows:
        return []
    settle = timedelta(seconds=settle_s)
    told = [row for row in rows if row.withheld is None]
    await connection.execute(
        _REVIVE, [row.identity.id for row in told], *_columns(told, "version", "reached_at"), settle
    )
    new = await connection.fetch(
        _PLAN,
        *_columns(
            [row.identity for row in rows],
            "id", "order_key", "parcel", "milestone", "occasion", "channel", "role",
        ),
        *_columns(rows, "version", "reached_at", "withheld"),
        settle,
    )  # fmt: skip
    return [(row["channel"], row["milestone"], row["state"], row["reason"] or "") for row in new]


async def wake(connection: Connection, order_keys: Iterable[str]) -> None:
    """Make due what waited for news of these orders."""
    await connection.execute(_WAKE, sorted(order_keys))


async def quarantine(connection: Connection, letters: Sequence[Letter]) -> None:
    """Put records into the dead letters' outbox."""
    await connection.execute(_QUARANTINE, *_columns(letters, "key", "content", "at"))


async def expire(connection: Connection) -> list[tuple[str, str]]:
    """Declare unknown what was being sent when its lease ended; give (channel, milestone) of each."""
    return [(row["channel"], row["milestone"]) for row in await connection.fetch(_EXPIRE)]


async def claim(
    connection: Connection, *, limit: int, lease: timedelta, channels: Sequence[str], since: float
) -> list[Claimed]:
    """Take messages that are due; nobody else takes them, and nobody ever takes them from us."""
    return [_claimed(row, since) for row in await connection.fetch(_CLAIM, limit, lease, list(channels))]


async def newest(connection: Connection, order_key: str) -> tuple[OrderRow, datetime]:
    """Return the order as it is known now, and the database's time."""
    row = await connection.fetchrow(_NEWEST, order_key)
    if row is None:
        raise LookupError("a notification without its order")
    return _order(row), row["now"]


async def told_others(connection: Connection, identity: Identity) -> list[str]:
    """Return the hashes of those who may have got this message in another role."""
    one = identity
    rows = await connection.fetch(
        _TOLD_OTHERS, one.order_key, one.parcel, one.milestone, one.occasion, one.channel, one.role
    )
    return [row["recipient_hash"] for row in rows]


async def find(connection: Connection, order_key: str) -> OrderRow | None:
    """Return an order's row, if notify knows it."""
    row = await connection.fetchrow(_NEWEST, order_key)
    return None if row is None else _order(row)


async def end(connection: Connection, claimed: Claimed, ending: Ending) -> bool:
    """Write down how a message ended; False when the row is not ours any more.

    An order that was erased meanwhile has forgotten its people: nothing brings them back (rule E9).
    """
    # The lock makes the handler that erases either finish before us or find what we write.
    if await connection.fetchval(_IS_ERASED, claimed.identity.order_key):
        ending = replace(ending, recipient_hash=None, detail=None)
    done = await connection.execute(_END, claimed.id, claimed.token, *astuple(ending))
    return bool(done == "UPDATE 1")


async def again(connection: Connection, claimed: Claimed, *, reason: str, delay_s: float) -> None:
    """Let a message that was certainly not taken be due again."""
    await connection.execute(_AGAIN, claimed.id, claimed.token, reason, timedelta(seconds=delay_s))


async def hold(connection: Connection, claimed: Claimed, *, reason: str, until: datetime, seen: OrderRow) -> bool:
    """Let a message wait; False, and looked at again, when the order has changed since it was looked at."""
    if not await _is_newest(connection, claimed, seen):
        return False
    await connection.execute(_HOLD, claimed.id, claimed.token, reason, until)
    return True


async def withhold(connection: Connection, claimed: Claimed, ending: Ending, *, seen: OrderRow) -> bool:
    """Write down that a message is not sent; False, and looked at again, when the order has changed since then."""
    return await _is_newest(connection, claimed, seen) and await end(connection, claimed, ending)


async def _is_newest(connection: Connection, claimed: Claimed, seen: OrderRow) -> bool:
    # The lock makes the handler either finish before us (then the revision differs) or see what we write.
    revision = await connection.fetchval(_REVISION, claimed.identity.order_key)
    if revision != seen.revision:
        await again(connection, claimed, reason="order_changed", delay_s=0)
    return bool(revision == seen.revision)


async def oldest_due_s(connection: Connection) -> float:
    """Return for how long the message that is due longest has been due."""
    return float(await connection.fetchval(_OLDEST_DUE))


async def why(connection: Connection, order_key: str) -> list[dict[str, Any]]:
    """Return what was decided about each message of an order."""
    return [dict(row) for row in await connection.fetch(_WHY, order_key)]


def _columns(rows: Sequence[object], *names: str) -> list[list[Any]]:
    """Return the fields of rows as arrays, for `unnest`."""
    return [[getattr(row, name) for row in rows] for name in names]


def _order(row: asyncpg.Record) -> OrderRow:
    return OrderRow(
        row["order_key"], row["shop"], row["order_number"], row["book"], row["version"], row["status"], row["revision"]
    )


def _claimed(row: asyncpg.Record, since: float) -> Claimed:
    news = row["version"], row["reached_at"], row["attempt"], row["due_at"]
    return Claimed(row["id"], row["token"], identity_of(row), *news, since)


def identity_of(row: asyncpg.Record) -> Identity:
    """Return the identity in a notification's row."""
    return Identity(
        row["order_key"], row["parcel"], row["milestone"], row["occasion"], row["channel"], row["recipient_role"]
    )
