"""What providers were heard to say, hour by hour: counted here, kept in `ingest.heard`, judged in `freshness.py`.

All processes write the same few rows, so these statements are the last of a transaction: locked rows are held shortly.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import asyncpg

from services.ingest.poller.freshness import CLASSES, KEPT, Heard, Hour, delay_class, hour_of
from services.ingest.poller.inputs import Told
from services.runtime.postgres import Connection

HEAR: Final = """
insert into ingest.heard (provider, hour, events, missed, delays) values ($1, $2, $3, $4, $5)
on conflict (provider, hour) do update set
    events = heard.events + excluded.events,
    missed = heard.missed + excluded.missed,
    delays = (select array_agg(a + b order by n)
              from unnest(heard.delays, excluded.delays) with ordinality as both_of (a, b, n))
"""
LAST: Final = """
insert into ingest.hearing (provider, told_at, event_at, missed) values ($1, $2, $3, $4)
on conflict (provider) do update set
    told_at = greatest(hearing.told_at, excluded.told_at),
    event_at = greatest(hearing.event_at, excluded.event_at),
    missed = hearing.missed + excluded.missed
"""
PROVIDERS: Final = """
select provider, told_at, event_at, coalesce(missed, 0) as missed, paused_until, paused_why
from ingest.hearing full join ingest.provider using (provider) order by provider
"""
HOURS: Final = "select provider, hour, events, missed, delays from ingest.heard"
TIDY: Final = "delete from ingest.heard where hour < now() - make_interval(secs => $1)"


@dataclass(slots=True)
class _Count:
    events: int = 0
    missed: int = 0
    delays: list[int] = field(default_factory=lambda: [0] * CLASSES)


@dataclass(slots=True)
class Ear:
    """Counts what one batch told. A webhook that told several things of a parcel counts once, by the newest."""

    _webhooks: dict[tuple[str, str | None, datetime], Told] = field(default_factory=dict)
    _missed: dict[tuple[str, datetime], int] = field(default_factory=lambda: defaultdict(int))

    def heard(self, told: Iterable[Told]) -> None:
        """Take what was told; answers of APIs say nothing about webhooks."""
        for one in told:
            if one.telling.pulled:
                continue
            key = (one.provider, one.shipment, one.telling.told_at)
            known = self._webhooks.get(key)
            if known is None or _rank(known) < _rank(one):
                self._webhooks[key] = one

    def missed(self, provider: str, count: int, *, at: datetime) -> None:
        """Take scans that no webhook told."""
        if count:
            self._missed[provider, hour_of(at)] += count

    async def write(self, connection: Connection) -> None:
        """Add what was counted to the tables."""
        hours = self._hours()
        if not hours:
            return
        await connection.executemany(
            HEAR,
            [
                (provider, hour, one.events, one.missed, one.delays)
                for (provider, hour), one in sorted(hours.items(), key=lambda pair: pair[0])
            ],
        )
        await connection.executemany(LAST, [self._last(name) for name in sorted({name for name, _ in hours})])

    def _hours(self) -> dict[tuple[str, datetime], _Count]:
        found: dict[tuple[str, datetime], _Count] = defaultdict(_Count)
        for (provider, _, told_at), one in self._webhooks.items():
            count = found[provider, hour_of(told_at)]
            count.events += 1
            if one.delay is not None:
                count.delays[delay_class(one.delay)] += 1
        for key, number in self._missed.items():
            found[key].missed += number
        return found

    def _last(self, provider: str) -> tuple[str, datetime | None, datetime | None, int]:
        told = [one.telling for one in self._webhooks.values() if one.provider == provider]
        missed = sum(number for (name, _), number in self._missed.items() if name == provider)
        told_at = max((one.told_at for one in told), default=None)
        return provider, told_at, max((one.occurred_at for one in told), default=None), missed


async def read(connection: Connection) -> tuple[datetime, list[Heard]]:
    """Return the database's clock and all that is known of every provider."""
    hours: dict[str, dict[datetime, Hour]] = defaultdict(dict)
    for row in await connection.fetch(HOURS):
        hours[row["provider"]][row["hour"]] = Hour(row["events"], row["missed"], tuple(row["delays"]))
    rows = await connection.fetch(PROVIDERS)
    now: datetime = await connection.fetchval("select now()")
    return now, [_heard(row, hours[row["provider"]]) for row in rows]


async def tidy(connection: Connection) -> None:
    """Forget hours that nothing is judged by any more."""
    await connection.execute(TIDY, KEPT.total_seconds())


def _heard(row: asyncpg.Record, hours: Mapping[datetime, Hour]) -> Heard:
    return Heard(
        provider=row["provider"],
        told_at=row["told_at"],
        event_at=row["event_at"],
        missed=row["missed"],
        paused_until=row["paused_until"],
        paused_why=row["paused_why"],
        hours=hours,
    )


def _rank(one: Told) -> tuple[bool, datetime]:
    return one.delay is not None, one.telling.occurred_at
