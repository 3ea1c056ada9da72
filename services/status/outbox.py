"""The outbox: what a batch has to say, written in its transaction, sent by the relay after it (rule E1).

A row is what one batch of records says to one output partition, already in the form in which Kafka keeps it
(docs/decisions/0022-outbox-rows-are-record-batches.md).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from services.runtime.postgres import Connection
from services.status.messages import STATUS_TOPIC, Message
from services.status.record_batches import MAX_BATCH_BYTES, Entry, pack

#: What a row holds at most, before it is compressed. One message that has more is a row of its own.
MAX_ROW_BYTES: Final = 1024 * 1024
#: Of so many versions of one order a restored database can have shown the last only (`unsent.py`).
MAX_ROW_MESSAGES: Final = 500
#: What a message has beside key and value: headers, lengths, times.
_BESIDE: Final = 400

# Ids are drawn here, after every order lock is held, so that an order's rows stand in the order of its versions.
APPEND: Final = """
insert into status.outbox (topic, part, payload, snapshots, messages, created_at)
select topic, part, payload, snapshots, messages, clock_timestamp()
from unnest($1::text[], $2::int[], $3::bytea[], $4::bytea[], $5::int[])
    with ordinality as t (topic, part, payload, snapshots, messages, place) order by place
"""


class Packed(NamedTuple):
    """The messages of one row."""

    payload: bytes
    """Record batches for the row's topic, one behind the other; empty where nothing is told."""
    snapshots: bytes | None
    """Record batches for the snapshots. None, of status messages: the last batch of the payload is theirs as well."""
    messages: int


async def append(connection: Connection, messages: Sequence[tuple[int, Message]]) -> None:
    """Append (partition, message) pairs; what goes to one partition goes in this order, order by order."""
    if not messages:
        return
    queues: dict[tuple[str, int], list[Message]] = defaultdict(list)
    for part, message in messages:
        queues[message.topic, part].append(message)
    rows = [(topic, part, *row) for (topic, part), found in queues.items() for row in packed(topic, found)]
    await connection.execute(APPEND, *(list(column) for column in zip(*rows, strict=True)))


def packed(topic: str, messages: Sequence[Message]) -> Iterator[Packed]:
    """Give the rows of the messages of one queue, each no larger than one record batch may be."""
    for some in _bounded(messages):
        row = _row(topic, some)
        if len(some) > 1 and len(row.payload) + len(row.snapshots or b"") > MAX_BATCH_BYTES:
            half = len(some) // 2  # what cannot be compressed
            yield from packed(topic, some[:half])
            yield from packed(topic, some[half:])
        else:
            yield row


def _bounded(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    begin = size = 0
    for place, one in enumerate(messages):
        more = len(one.key) + len(one.value or b"") + _BESIDE
        if place > begin and (size + more > MAX_ROW_BYTES or place - begin == MAX_ROW_MESSAGES):
            yield messages[begin:place]
            begin, size = place, 0
        size += more
    yield messages[begin:]


def _row(topic: str, messages: Sequence[Message]) -> Packed:
    """Put the newest message of each order behind all others: that batch is their snapshots as well (rule E1).

    Each order's messages stay in their order; between orders there is none to keep.
    """
    if topic != STATUS_TOPIC:
        return Packed(pack(map(_entry, messages)), None, len(messages))
    last = {one.key: place for place, one in enumerate(messages)}
    older = [one for place, one in enumerate(messages) if last[one.key] != place]
    newest = [messages[place] for place in sorted(last.values())]
    told = [[_entry(one) for one in some if one.value is not None] for some in (older, newest)]
    payload = b"".join(pack(some) for some in told if some)
    gone = any(one.tombstone for one in newest)
    return Packed(payload, pack(map(_snapshot, newest)) if gone else None, len(messages))


def _entry(message: Message) -> Entry:
    headers = [(name, value.encode()) for name, value in message.headers]
    return Entry(message.key, message.value, headers, message.timestamp_ms)


def _snapshot(message: Message) -> Entry:
    """Return the record of the snapshots; of what is erased or purged it has no value (rules E8, E9)."""
    entry = _entry(message)
    return entry._replace(value=None) if message.tombstone else entry
