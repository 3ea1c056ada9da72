"""The outbox: what a batch has to say, written in its transaction, sent by the relay after it (rule E1)."""

import json
from collections.abc import Sequence
from typing import Final

from services.runtime.postgres import Connection
from services.status.messages import Message

# Ids are drawn here, after every order lock is held, so that an order's rows stand in the order of its versions.
APPEND: Final = """
insert into status.outbox (topic, part, key, value, headers, timestamp_ms, tombstone)
select topic, part, key, value, headers, timestamp_ms, tombstone
from unnest($1::text[], $2::int[], $3::bytea[], $4::bytea[], $5::jsonb[], $6::bigint[], $7::boolean[])
    with ordinality as t (topic, part, key, value, headers, timestamp_ms, tombstone, place) order by place
"""


async def append(connection: Connection, messages: Sequence[tuple[int, Message]]) -> None:
    """Append (partition, message) rows in this order."""
    if not messages:
        return
    rows = [(m.topic, part, m.key, m.value, json.dumps(m.headers), m.timestamp_ms, m.tombstone) for part, m in messages]
    await connection.execute(APPEND, *(list(column) for column in zip(*rows, strict=True)))
