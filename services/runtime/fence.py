"""The fence: the offsets that count are rows in Postgres, locked and advanced in the transaction that used the records.

Whatever Kafka believes, a record below `next_offset` has had its effect and is dropped, and nothing above it is taken
without knowing what lies between (docs/engine-rules.md, step 1). SQL only; the tables belong to the service's schema.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from services.runtime.marks import Mark
from services.runtime.positions import Partition
from services.runtime.postgres import Connection

# The schema is a word of our own, never input: names cannot be parameters.
_STORED: Final = """
select topic, part, next_offset from {schema}.consumer_offset
where grp = $1 and (topic, part) in (select * from unnest($2::text[], $3::int[]))
"""

_MARKS: Final = """
select topic, part, next_offset, cluster, last_hash from {schema}.consumer_offset
where grp = $1 and (topic, part) in (select * from unnest($2::text[], $3::int[]))
"""

_CREATE: Final = """
insert into {schema}.consumer_offset (grp, topic, part, next_offset, cluster, updated_at)
select $1, t, p, o, $5, now() from unnest($2::text[], $3::int[], $4::bigint[]) as new(t, p, o) order by t, p
on conflict (grp, topic, part) do nothing
"""

# Sorted, so that two processes that meet in a rebalance never hold a row each and wait for the other's.
_LOCK: Final = """
select topic, part, next_offset from {schema}.consumer_offset
where grp = $1 and (topic, part) in (select * from unnest($2::text[], $3::int[]))
order by topic, part
for update
"""

# A broker that tells no cluster id leaves what was known.
_ADVANCE: Final = """
update {schema}.consumer_offset as row
set next_offset = new.o, last_hash = new.h, cluster = coalesce(new.c, row.cluster), updated_at = now()
from unnest($2::text[], $3::int[], $4::bigint[], $5::text[], $6::bytea[]) as new(t, p, o, c, h)
where row.grp = $1 and row.topic = new.t and row.part = new.p
"""

_GAP: Final = """
insert into {schema}.offset_gap (grp, topic, part, want, got, at) values ($1, $2, $3, $4, $5, now())
"""


class Fence:
    """The offsets of one consumer group in one schema."""

    def __init__(self, schema: str, group: str) -> None:
        self._group = group
        self._sql = {
            name: text.format(schema=schema)
            for name, text in (
                ("stored", _STORED),
                ("marks", _MARKS),
                ("create", _CREATE),
                ("lock", _LOCK),
                ("advance", _ADVANCE),
                ("gap", _GAP),
            )
        }

    async def stored(self, connection: Connection, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return where the database stands, of those partitions that have a row."""
        return await self._rows(connection, "stored", partitions)

    async def marks(self, connection: Connection, partitions: Iterable[Partition]) -> dict[Partition, Mark]:
        """Return where the database stands and how it knows the log again, of those partitions that have a row."""
        rows = await connection.fetch(self._sql["marks"], self._group, *_columns(partitions))
        return {
            Partition(row["topic"], row["part"]): Mark(row["next_offset"], row["cluster"], row["last_hash"])
            for row in rows
        }

    async def create(self, connection: Connection, starts: Mapping[Partition, int], *, cluster: str | None) -> None:
        """Create missing rows; an existing row keeps its value."""
        await connection.execute(self._sql["create"], self._group, *_columns(starts), list(starts.values()), cluster)

    async def lock(self, connection: Connection, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Lock the rows to the end of the transaction and return where they stand."""
        return await self._rows(connection, "lock", partitions)

    async def advance(self, connection: Connection, marks: Mapping[Partition, Mark]) -> None:
        """Move locked rows to the offset behind the last record that was used, and remember that record."""
        each = list(marks.values())
        await connection.execute(
            self._sql["advance"], self._group, *_columns(marks),
            [one.next_offset for one in each], [one.cluster for one in each], [one.last_hash for one in each],
        )  # fmt: skip

    async def write_gap(self, connection: Connection, partition: Partition, *, want: int, got: int) -> None:
        """Write down that records were gone before they were read."""
        await connection.execute(self._sql["gap"], self._group, partition.topic, partition.number, want, got)

    async def _rows(self, connection: Connection, name: str, partitions: Iterable[Partition]) -> dict[Partition, int]:
        rows = await connection.fetch(self._sql[name], self._group, *_columns(partitions))
        return {Partition(row["topic"], row["part"]): row["next_offset"] for row in rows}


def _columns(partitions: Iterable[Partition]) -> tuple[Sequence[str], Sequence[int]]:
    known = list(partitions)
    return [one.topic for one in known], [one.number for one in known]
