"""Snapshots that go out once more, ten minutes later: after a send of unknown outcome and after a takeover (rule E1).

The same bytes can appear late, behind newer ones, and would stay the last of a compacted topic. All SQL of it.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import asyncpg

from services.runtime.postgres import Connection
from services.status import packed
from services.status.messages import headers_again
from services.status.record_batches import Entry

#: A repeat that Kafka still holds can arrive this late; then the newest snapshot must be written once more.
REPEAT_AFTER: Final = "10 minutes"
#: Few, because their orders stay locked while they are sent.
AT_ONCE: Final = 20

PLAN: Final = f"""
insert into status.snapshot_repeat (order_key, due_at)
select distinct key, now() + interval '{REPEAT_AFTER}' from unnest($1::text[]) as t (key) order by key
on conflict (order_key) do update set due_at = excluded.due_at
"""  # noqa: S608 - a constant of ours
# One statement, so that an owner is never written down without its repeats.
TAKE_OVER: Final = f"""
with planned as ({PLAN})
insert into status.relay_position (topic, part, next_offset, owner) values ($2, $3, 0, $4)
on conflict (topic, part) do update set owner = excluded.owner, updated_at = now()
"""  # noqa: S608 - a constant of ours
# Put off before they are sent, and not in the transaction of the sends: whoever dies in one leaves them planned, for a
# repeat can be late as well.
TAKE: Final = f"""
update status.snapshot_repeat set due_at = now() + interval '{REPEAT_AFTER}' where order_key in (
    select order_key from status.snapshot_repeat where due_at <= now() order by order_key limit $1
    for update skip locked)
returning order_key, due_at
"""  # noqa: S608 - a constant of ours
# Only as it was put off here: what was planned anew meanwhile stays.
END: Final = """
delete from status.snapshot_repeat as planned using unnest($1::text[], $2::timestamptz[]) as done (order_key, due_at)
where planned.order_key = done.order_key and planned.due_at = done.due_at
"""
# Of a closed order that is a tombstone again: it has no message.
NEWEST: Final = """
select order_key, version, message, message_headers, message_ms
from status.orders where order_key = any($1::text[]) and (message is not null or closed is not null)
order by order_key for update
"""


async def plan(connection: Connection, keys: Sequence[str]) -> None:
    """Plan to repeat the snapshots of these orders."""
    await connection.execute(PLAN, keys)


async def take_over(connection: Connection, topic: str, part: int, *, keys: Sequence[str], name: str) -> None:
    """Write down that a queue is the named relay's from now on, and plan to repeat the snapshots it will send first."""
    await connection.execute(TAKE_OVER, keys, topic, part, name)


async def take(connection: Connection) -> dict[str, datetime]:
    """Put off some that are due; return them with the time to which they were."""
    return {row["order_key"]: row["due_at"] for row in await connection.fetch(TAKE, AT_ONCE)}


async def newest(connection: Connection, orders: Sequence[str]) -> list[Entry]:
    """Return the newest snapshots; their orders stay locked, so that none can get newer meanwhile."""
    return [
        Entry(
            row["order_key"].encode(),
            None if row["message"] is None else packed.unpack(row["order_key"], row["message"]),
            _headers(row),
            row["message_ms"],
        )
        for row in await connection.fetch(NEWEST, orders)
    ]


async def end(connection: Connection, done: Mapping[str, datetime]) -> None:
    """Forget those that were sent."""
    await connection.execute(END, list(done), list(done.values()))


def _headers(row: asyncpg.Record) -> list[tuple[str, bytes]]:
    stored: str | None = row["message_headers"]
    apart = None if stored is None else [(name, value) for name, value in json.loads(stored)]
    headers = headers_again(apart, key=row["order_key"], version=row["version"], timestamp_ms=row["message_ms"])
    return [(name, value.encode()) for name, value in headers]
