"""What `trackfold offsets` knows and does: every row of the fence beside what Kafka has, and accepting what Kafka has.

Adopting is a decision of a person, written down with author and reason. It is safe while services run: their batches
lock the same rows, and a process that finds its row moved goes to where it stands.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.runtime import log_reading
from services.runtime.errors import Misconfigured
from services.runtime.log_reading import is_compacted
from services.runtime.marks import Mark, Reason, Seen, judge
from services.runtime.membership import assignments
from services.runtime.migrate import SCHEMAS
from services.runtime.positions import Partition
from services.runtime.postgres import Connection
from services.runtime.settings import KafkaSettings
from services.runtime.ungrouped import answered, open_admin

NAME: Final = "offsets"

# The schema is a word of our own, never input: names cannot be parameters.
_THERE: Final = """
select count(*) = 3 from information_schema.columns
where table_schema = $1 and (table_name, column_name) in (
  ('consumer_offset', 'cluster'), ('consumer_offset', 'last_hash'), ('offset_adopted', 'new_offset')
)
"""
_ROWS: Final = """
select grp, topic, part, next_offset, cluster, last_hash from {schema}.consumer_offset order by grp, topic, part
"""
_LOCK: Final = """
select grp, topic, part, next_offset, cluster, last_hash from {schema}.consumer_offset
where (grp, topic, part) in (select * from unnest($1::text[], $2::text[], $3::int[]))
order by grp, topic, part for update
"""
# `updated_at` stays: it says when records were last applied, and a restored service reads back from then.
_ADOPT: Final = """
update {schema}.consumer_offset as row set next_offset = new.o, cluster = new.c, last_hash = null
from unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::text[]) as new(g, t, p, o, c)
where (row.grp, row.topic, row.part) = (new.g, new.t, new.p)
"""
_REMOVE: Final = """
delete from {schema}.consumer_offset
where (grp, topic, part) in (select * from unnest($1::text[], $2::text[], $3::int[]))
"""
_WRITE_DOWN: Final = """
insert into {schema}.offset_adopted
  (author, reason, grp, topic, part, old_offset, old_cluster, new_offset, new_cluster)
select $1, $2, o.* from unnest(
  $3::text[], $4::text[], $5::int[], $6::bigint[], $7::text[], $8::bigint[], $9::text[]) as o
"""


class From(StrEnum):
    """From where the service reads on."""

    START = "start"
    """The log's start: everything that is there is read again, and what is known already has no effect."""
    END = "end"
    """The log's end: what is there now is never read."""
    KEEP = "keep"
    """The stored offset: for a log that holds the same records at the same offsets, as a mirror does."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One row of the fence beside its log."""

    schema: str
    group: str
    partition: Partition
    mark: Mark
    seen: Seen | None
    """None: not in Kafka, of another cluster, or not to be believed."""
    verdict: str
    """ok, or a slug why not."""
    why: str = ""

    @property
    def lag(self) -> int | None:
        """How many offsets lie between the row and the log's end."""
        return None if self.seen is None else max(0, self.seen.end - self.mark.next_offset)


@dataclass(frozen=True, slots=True)
class Adoption:
    """What a row becomes; `to` None: its partition is not in Kafka, the row goes."""

    row: Standing
    to: int | None
    cluster: str | None


async def standings(connection: Connection, settings: KafkaSettings) -> list[Standing]:
    """Return every row of every service's fence with what Kafka says of it now."""
    cluster = await log_reading.read_cluster(settings, NAME)
    return [
        one
        for schema in SCHEMAS
        if await connection.fetchval(_THERE, schema)
        for one in await _of_schema(connection, settings, schema, cluster)
    ]


async def _of_schema(
    connection: Connection, settings: KafkaSettings, schema: str, cluster: log_reading.Cluster
) -> list[Standing]:
    rows = await connection.fetch(_ROWS.format(schema=schema))
    found = []
    for group in sorted({row["grp"] for row in rows}):
        marks = {
            Partition(row["topic"], row["part"]): Mark(row["next_offset"], row["cluster"], row["last_hash"])
            for row in rows
            if row["grp"] == group
        }
        there = {one: mark for one, mark in marks.items() if one in cluster.partitions}
        # Also of a cluster that is refused: its ends say what adopting would mean.
        seen = await log_reading.read_logs(settings, there, name=NAME) if settings.trust_log_ends else {}
        for one, mark in marks.items():
            verdict, why = _verdict(settings, one, mark, seen=seen.get(one), cluster=cluster)
            found.append(Standing(schema, group, one, mark, seen.get(one), verdict, why))
    return found


def _verdict(
    settings: KafkaSettings, partition: Partition, mark: Mark, *, seen: Seen | None, cluster: log_reading.Cluster
) -> tuple[str, str]:
    if partition not in cluster.partitions:
        return "not_in_kafka", "Kafka has no such partition"
    refusal = judge(mark, seen, cluster=cluster.id, compacted=is_compacted(settings, partition))
    return ("ok", "") if refusal is None else (refusal.reason.value, refusal.message)


async def plan(
    settings: KafkaSettings, rows: Iterable[Standing], *, start: From, everything: bool = False, named: bool = False
) -> list[Adoption]:
    """Say what adopting would make of these rows: of those that are refused, or of all with `everything`.

    Raises Misconfigured where `keep` would name records that are not there, and where Kafka shows nothing at all of a
    topic that nobody `named`: its rows would go, though it may only be hidden from this account.
    """
    cluster = await log_reading.read_cluster(settings, NAME)
    chosen = [one for one in rows if everything or one.verdict != "ok"]
    hidden = sorted({one.partition.topic for one in chosen} - cluster.topics)
    if hidden and not named:
        text = f"not in Kafka, or not to be seen by this account: {', '.join(hidden)}"
        hint = "--topic NAME removes the rows of a topic that is gone; else this account needs the right DESCRIBE"
        raise Misconfigured("topic_not_seen", text, hint=hint)
    return [Adoption(one, _target(one, start), cluster.id) for one in chosen]


def _target(one: Standing, start: From) -> int | None:
    if one.verdict == "not_in_kafka":
        return None
    if one.seen is None:
        raise Misconfigured("log_ends", f"{one.partition} cannot be compared: this broker's log ends are not believed")
    if start is From.START:
        return one.seen.start
    if start is From.END:
        return one.seen.end
    if not one.seen.start <= one.mark.next_offset <= one.seen.end:
        text = f"{one.partition.topic}/{one.partition.number}: the log goes from {one.seen.start} to {one.seen.end}"
        hint = "--from start reads all again"
        raise Misconfigured(Reason.LOG_CUT.value, f"{text}, offset {one.mark.next_offset} is not in it", hint=hint)
    return one.mark.next_offset


async def adopt(connection: Connection, adoptions: Sequence[Adoption], *, author: str, reason: str) -> int:
    """Write it all down in one transaction per schema; return how many rows were changed.

    A row that a batch has moved since it was shown is adopted as well: its old place is what stands in it now.
    """
    done = 0
    for schema in SCHEMAS:
        mine = [one for one in adoptions if one.row.schema == schema]
        if mine:
            async with connection.transaction():
                done += await _adopt(connection, schema, mine, author=author, reason=reason)
    return done


async def _adopt(connection: Connection, schema: str, mine: Sequence[Adoption], *, author: str, reason: str) -> int:
    by_key = {(one.row.group, *one.row.partition): one for one in mine}
    locked = await connection.fetch(_LOCK.format(schema=schema), *_columns(by_key, 3))
    before = {(row["grp"], row["topic"], row["part"]): row for row in locked}
    kept = [(*key, one.to, one.cluster) for key, one in by_key.items() if key in before and one.to is not None]
    gone = [key for key, one in by_key.items() if key in before and one.to is None]
    lines = [
        (*key, row["next_offset"], row["cluster"], by_key[key].to, by_key[key].cluster) for key, row in before.items()
    ]
    await connection.execute(_ADOPT.format(schema=schema), *_columns(kept, 5))
    await connection.execute(_REMOVE.format(schema=schema), *_columns(gone, 3))
    await connection.execute(_WRITE_DOWN.format(schema=schema), author, reason, *_columns(lines, 7))
    return len(before)


def _columns(rows: Iterable[Sequence[object]] | Mapping[tuple[object, ...], object], width: int) -> list[list[object]]:
    each = list(rows)
    return [[row[number] for row in each] for number in range(width)]


async def members(settings: KafkaSettings, groups: Iterable[str]) -> dict[str, int]:
    """Return how many members each of these groups has now, of those that have some."""
    async with open_admin(settings, NAME) as admin:
        found = await answered(assignments(admin, groups))
    return {group: len(owned) for group, owned in found.items() if owned}
